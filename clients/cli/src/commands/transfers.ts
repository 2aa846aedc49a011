import { flag, text, texts } from '../../../../app/config/command-line.mjs';
import type { ReversalOutcome, TransferOutcome } from '../../../typescript/src/resources/transfers.ts';
import type { TransferRecord } from '../../../typescript/src/types.ts';
import { command, durability, given, metadataOf, required } from '../command.ts';
import { EXIT, type ExitCode } from '../exit-code.ts';
import { factsOf, type Output } from '../output.ts';

export const TRANSFER_COMMANDS = [
  command('transfers create', {
    about: 'Transfers money from one account to another, once, however often you run it with the same --id.',
    options: {
      from: text('ACCOUNT', 'the account that is debited'),
      to: text('ACCOUNT', 'the account that is credited'),
      amount: text('AMOUNT', 'such as 12.34'),
      currency: text('CODE', 'the currency, such as EUR'),
      id: text('ID', 'the id of the transfer; a new one by default'),
      reference: text('TEXT', 'a text for both sides'),
      metadata: texts('NAME=VALUE', 'more about the transfer'),
      durability,
      'in-doubt': flag('an earlier run with this --id may have made the transfer'),
      'dry-run': flag('only show what would happen'),
    },
    async run({ values, holdfast, output, signal }) {
      const { id, reference } = values;
      const client = holdfast();
      const request = {
        transactionId: id ?? client.newId(),
        sourceAccount: required('from', values.from),
        destinationAccount: required('to', values.to),
        amount: required('amount', values.amount),
        currency: required('currency', values.currency),
        durability: values.durability,
        ...given({ reference }),
        ...metadataOf(values.metadata),
      };
      if (values['dry-run']) {
        const preview = await client.transfers.preview(request, { signal });
        output.result(preview, () => factsOf({ 'would be': 'posted', ...balancesOf(preview) }));
        return EXIT.done;
      }
      // Printed before the request is sent, so that a user who loses the terminal can run the command again.
      output.note(`Transaction id: ${request.transactionId}`);
      const doubt = values['in-doubt'] ? { inDoubt: true } : {};
      return reportTransfer(await client.transfers.create(request, { signal, ...doubt }), output);
    },
  }),
  command('transfers show', {
    about: 'Shows a transfer, posted or refused.',
    options: { from: text('ACCOUNT', 'with several shards: the account that was debited') },
    operands: { label: 'ID', help: 'the id of the transfer', min: 1, max: 1 },
    async run({ values, operands: [id = ''], holdfast, output, signal }) {
      const transfer = await holdfast().transfers.get(id, { signal, ...given({ sourceAccount: values.from }) });
      output.result(transfer, () => recordText(transfer));
      return EXIT.done;
    },
  }),
  command('transfers reverse', {
    about: 'Transfers the amount of a posted transfer back, once, however often you run it.',
    options: {
      from: text('ACCOUNT', 'with several shards: the account that was debited'),
      durability,
      'in-doubt': flag('an earlier run may have reversed it'),
    },
    operands: { label: 'ID', help: 'the id of the transfer', min: 1, max: 1 },
    async run({ values, operands: [transactionId = ''], holdfast, output, signal }) {
      const request = { transactionId, durability: values.durability, ...given({ sourceAccount: values.from }) };
      const doubt = values['in-doubt'] ? { inDoubt: true } : {};
      const outcome = await holdfast().transfers.reverse(request, { signal, ...doubt });
      return reportTransfer(outcome, output, '--in-doubt');
    },
  }),
];

type Reported = TransferOutcome | ReversalOutcome;

/** Prints an outcome. @param again see `reportUnknown` @returns its exit code */
export function reportTransfer(outcome: Reported, output: Output, again?: string): ExitCode {
  const { transactionId } = outcome.request;
  switch (outcome.outcome) {
    case 'posted': {
      const { transfer } = outcome;
      output.result({ outcome: 'posted', transfer }, () =>
        factsOf({
          posted: transfer.transactionId,
          accepted: transfer.acceptedAt,
          durability: transfer.durability,
          ...balancesOf(transfer),
          note: transfer.replayed ? 'An earlier request had already posted it.' : null,
        }),
      );
      return EXIT.done;
    }
    case 'rejected':
      return reportRejected(transactionId, outcome, output);
    case 'pending':
      output.result(outcome, () =>
        factsOf({ pending: transactionId, next: 'It is in progress, and will be posted or rejected.' }),
      );
      return EXIT.unknown;
    case 'unknown':
      return reportUnknown(transactionId, outcome.error, output, again);
  }
}

export function reportRejected(
  id: string,
  { code, detail }: { code: string; detail: string },
  output: Output,
): ExitCode {
  output.result({ outcome: 'rejected', id, code, detail }, () => factsOf({ rejected: id, reason: code, detail }));
  return EXIT.rejected;
}

/** @param again the options to add when the command is run again to find out the outcome */
export function reportUnknown(id: string, error: Error, output: Output, again = `--id ${id} --in-doubt`): ExitCode {
  output.result({ outcome: 'unknown', id, detail: error.message }, () =>
    factsOf({ unknown: id, why: error.message, next: `Run the same command again with ${again}` }),
  );
  return EXIT.unknown;
}

function balancesOf(sides: { sourceBalance?: string; destinationBalance?: string; currency: string }) {
  const money = (amount: string | undefined) => (amount === undefined ? null : `${amount} ${sides.currency}`);
  return { 'source balance': money(sides.sourceBalance), 'destination balance': money(sides.destinationBalance) };
}

function recordText({ metadata, ...transfer }: TransferRecord): string {
  return factsOf({
    transfer: transfer.transactionId,
    status: transfer.status,
    refusal: transfer.refusal,
    kind: transfer.kind,
    from: transfer.sourceAccount,
    to: transfer.destinationAccount,
    amount: `${transfer.amount} ${transfer.currency}`,
    reference: transfer.reference,
    accepted: transfer.acceptedAt,
    persisted: transfer.persisted ? 'yes' : 'not yet',
    reverses: transfer.reverses,
    group: transfer.groupId,
    hold: transfer.holdId,
    ...Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [`metadata ${name}`, value])),
  });
}
