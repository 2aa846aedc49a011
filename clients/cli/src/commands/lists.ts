import { choice, flag, text, UsageError, wholeNumber } from '../../../../app/config/command-line.mjs';
import type { AccountSummary, TransferFilters, TransferRecord } from '../../../typescript/src/types.ts';
import { command, given } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { type Cell, type Output, tableOf } from '../output.ts';

const SHOWN_MAX = 1_000_000;
/** Rows are printed in groups of this size, so that a long list does not fill the memory. */
const ROWS = 100;
/** The largest page of the service. */
const PAGE_MAX = 200;

const limit = wholeNumber('how many', { min: 1, max: SHOWN_MAX, fallback: 20 });

export const LIST_COMMANDS = [
  command('transfers list', {
    about: 'Lists transfers, posted or refused, the latest first. Search must be enabled in the service.',
    options: {
      limit,
      'oldest-first': flag('in the order in which they were accepted'),
      account: text('ACCOUNT', 'only transfers from or to this account'),
      counterparty: text('ACCOUNT', 'only transfers between --account and this account'),
      status: choice(['POSTED', 'REJECTED', 'PENDING'] as const, 'only those'),
      kind: choice(['transfer', 'reversal', 'capture'] as const, 'only those'),
      reference: text('TEXT', 'only transfers with exactly this reference'),
      metadata: text('NAME=VALUE', 'only transfers with this metadata'),
      currency: text('CODE', 'only this currency'),
      'min-amount': text('AMOUNT', 'only transfers of at least this amount of --currency'),
      'max-amount': text('AMOUNT', 'only transfers of at most this amount of --currency'),
      from: text('TIME', 'accepted at or after this time'),
      to: text('TIME', 'accepted before this time'),
    },
    async run({ values, holdfast, output, signal }) {
      const { account, counterparty, status, kind, reference, currency, from, to } = values;
      const filters: TransferFilters = given({
        order: values['oldest-first'] ? ('asc' as const) : ('desc' as const),
        limit: Math.min(values.limit, PAGE_MAX),
        ...{ account, counterparty, status, kind, reference, currency, from, to },
        ...pairOf(values.metadata),
        minAmount: values['min-amount'],
        maxAmount: values['max-amount'],
      });
      await printed(output, holdfast().transfers.list(filters, { signal }), values.limit, transfersText);
      return EXIT.done;
    },
  }),
  command('accounts list', {
    about: 'Lists accounts by id, with their balances. Search must be enabled in the service.',
    options: {
      limit,
      prefix: text('TEXT', 'only accounts whose ids begin with this text'),
      currency: text('CODE', 'only this currency'),
      status: choice(['ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED'] as const, 'only those'),
    },
    async run({ values, holdfast, output, signal }) {
      const { prefix, currency, status } = values;
      const filters = given({ limit: Math.min(values.limit, PAGE_MAX), prefix, currency, status });
      await printed(output, holdfast().accounts.list(filters, { signal }), values.limit, accountsText);
      return EXIT.done;
    },
  }),
];

function pairOf(metadata: string | undefined) {
  if (metadata === undefined) return {};
  const end = metadata.indexOf('=');
  if (end <= 0) throw new UsageError('--metadata must have the form NAME=VALUE.');
  return { metadataKey: metadata.slice(0, end), metadataValue: metadata.slice(end + 1) };
}

/** Prints the first items of a list. */
async function printed<Item extends object>(
  output: Output,
  items: AsyncIterable<Item>,
  max: number,
  textOf: (items: readonly Item[]) => string,
): Promise<void> {
  let rows: Item[] = [];
  let count = 0;
  const print = () => {
    if (!output.isJson && rows.length > 0) output.result({}, () => textOf(rows));
    rows = [];
  };
  for await (const item of items) {
    if (output.isJson) output.result(item, () => '');
    else if (rows.push(item) === ROWS) print();
    if (++count === max) break;
  }
  print();
}

const transfersText = (items: readonly TransferRecord[]): string =>
  tableOf(
    ['ACCEPTED', 'STATUS', 'FROM', 'TO', '>AMOUNT', 'CURRENCY', 'REFERENCE', 'ID'],
    items.map((item): Cell[] => [
      ...[item.acceptedAt, item.status, item.sourceAccount, item.destinationAccount],
      ...[item.amount, item.currency, item.reference, item.transactionId],
    ]),
  );

const accountsText = (items: readonly AccountSummary[]): string =>
  tableOf(
    ['ACCOUNT', 'STATUS', '>BALANCE', '>HELD', 'CURRENCY', 'NAME'],
    items.map(({ accountId, status, balance, held, currency, name }): Cell[] => [
      ...[accountId, status, balance, held],
      ...[currency, name],
    ]),
  );
