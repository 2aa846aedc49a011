import { flag, text, texts } from '../../../../app/config/command-line.mjs';
import type { HoldRecord } from '../../../typescript/src/types.ts';
import { command, durability, given, metadataOf, required } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { factsOf } from '../output.ts';
import { reportRejected, reportUnknown } from './transfers.ts';

const operands = { label: 'ID', help: 'the id of the hold', min: 1, max: 1 };

export const HOLD_COMMANDS = [
  command('holds place', {
    about: 'Reserves a part of a balance for a later transfer.',
    options: {
      account: text('ACCOUNT', 'whose money is reserved'),
      to: text('ACCOUNT', 'the destination of every capture; otherwise each capture names its own'),
      amount: text('AMOUNT', 'such as 12.34'),
      currency: text('CODE', 'the currency, such as EUR'),
      expires: text('TIME', 'when it ends; after 7 days by default'),
      id: text('ID', 'the id of the hold; a new one by default'),
      reference: text('TEXT', 'a text for both sides'),
      metadata: texts('NAME=VALUE', 'more about the hold'),
      durability,
      'in-doubt': flag('an earlier run with this --id may have placed the hold'),
    },
    async run({ values, holdfast, output, signal }) {
      const client = holdfast();
      const holdId = values.id ?? client.newId();
      const request = {
        holdId,
        account: required('account', values.account),
        amount: required('amount', values.amount),
        currency: required('currency', values.currency),
        durability: values.durability,
        ...given({ destinationAccount: values.to, expiresAt: values.expires, reference: values.reference }),
        ...metadataOf(values.metadata),
      };
      output.note(`Hold id: ${holdId}`);
      const outcome = await client.holds.place(request, { signal, ...(values['in-doubt'] && { inDoubt: true }) });
      if (outcome.outcome === 'rejected') return reportRejected(holdId, outcome, output);
      if (outcome.outcome === 'unknown') return reportUnknown(holdId, outcome.error, output);
      const { hold } = outcome;
      output.result({ outcome: 'placed', hold }, () =>
        factsOf({
          placed: holdId,
          remaining: `${hold.remaining} ${hold.currency}`,
          expires: hold.expiresAt,
          status: hold.status,
        }),
      );
      return EXIT.done;
    },
  }),
  command('holds show', {
    about: 'Shows a hold with its captures, or why it was refused.',
    options: {},
    operands,
    async run({ operands: [holdId = ''], holdfast, output, signal }) {
      const hold = await holdfast().holds.get(holdId, { signal });
      output.result(hold, () => holdText(hold));
      return EXIT.done;
    },
  }),
  command('holds capture', {
    about: 'Transfers what a hold reserves, or a part of it.',
    options: {
      amount: text('AMOUNT', 'all of it by default'),
      to: text('ACCOUNT', 'the destination; required if the hold has none'),
      'keep-rest': flag('keep the rest reserved; otherwise it is released'),
      id: text('ID', 'the id of the transfer; a new one by default'),
      reference: text('TEXT', 'a text for both sides'),
      durability,
      'in-doubt': flag('an earlier run with this --id may have made the capture'),
    },
    operands,
    async run({ values, operands: [holdId = ''], holdfast, output, signal }) {
      const client = holdfast();
      const transactionId = values.id ?? client.newId();
      const request = {
        transactionId,
        durability: values.durability,
        final: !values['keep-rest'],
        ...given({ amount: values.amount, destinationAccount: values.to, reference: values.reference }),
      };
      output.note(`Transaction id: ${transactionId}`);
      const doubt = values['in-doubt'] ? { inDoubt: true } : {};
      const outcome = await client.holds.capture(holdId, request, { signal, ...doubt });
      if (outcome.outcome === 'rejected') return reportRejected(transactionId, outcome, output);
      if (outcome.outcome === 'unknown') return reportUnknown(transactionId, outcome.error, output);
      const { transfer, hold } = outcome;
      output.result({ outcome: 'posted', transfer, hold }, () =>
        factsOf({
          posted: transactionId,
          amount: `${transfer.amount} ${transfer.currency}`,
          hold: hold?.status,
          remaining: hold?.remaining,
        }),
      );
      return EXIT.done;
    },
  }),
  command('holds void', {
    about: 'Releases what is left of a hold.',
    options: { durability },
    operands,
    async run({ values, operands: [holdId = ''], holdfast, output, signal }) {
      const hold = await holdfast().holds.void(holdId, { signal, durability: values.durability });
      output.result(hold, () => factsOf({ hold: holdId, status: hold.status }));
      return EXIT.done;
    },
  }),
];

function holdText({ captures, currency, ...hold }: HoldRecord): string {
  const money = (amount: string) => `${amount} ${currency}`;
  return factsOf({
    hold: hold.holdId,
    status: hold.status,
    refusal: hold.refusal,
    account: hold.account,
    to: hold.destinationAccount,
    amount: money(hold.amount),
    captured: money(hold.captured),
    remaining: money(hold.remaining),
    expires: hold.expiresAt,
    reference: hold.reference,
    ...Object.fromEntries(
      captures.map((one) => [`capture ${one.transactionId}`, `${money(one.amount)} ${one.acceptedAt}`]),
    ),
  });
}
