import { choice, flag, text, UsageError, wholeNumber } from '../../../../app/config/command-line.mjs';
import type { Account, Balance, HoldEvent, Posting, PostingFilters } from '../../../typescript/src/types.ts';
import { command, given, required } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { type Cell, factsOf, tableOf } from '../output.ts';

const one = { label: 'ACCOUNT', help: 'the id of the account', min: 1, max: 1 };
const SHOWN_MAX = 1_000_000;
/** Rows are printed in groups of this size, so that a long list does not fill the memory. */
const ROWS = 100;
const KINDS = [
  'transfer',
  'reversal',
  'capture',
  'hold_placed',
  'hold_changed',
  'hold_voided',
  'hold_expired',
] as const;

export const ACCOUNT_COMMANDS = [
  command('accounts open', {
    about: 'Opens an account. Repeating the command changes nothing.',
    options: {
      currency: text('CODE', 'the currency, such as EUR'),
      name: text('TEXT', 'the name of its holder'),
      'overdraft-limit': text('AMOUNT', 'how far below zero the balance may go'),
      external: flag('the account represents the outside world, and has no lower limit'),
    },
    operands: one,
    async run({ values, operands: [accountId = ''], holdfast, output, signal }) {
      const currency = required('currency', values.currency);
      const more = given({ name: values.name, overdraftLimit: values['overdraft-limit'] });
      const external = values.external ? { external: true } : {};
      const opened = await holdfast().accounts.open({ accountId, currency, ...more, ...external }, { signal });
      output.result(opened, () => `${opened.accountId} has been open since ${opened.openedAt}.\n`);
      return EXIT.done;
    },
  }),
  command('accounts show', {
    about: 'Shows an account with its balance, status and limits.',
    options: {},
    operands: one,
    async run({ operands: [accountId = ''], holdfast, output, signal }) {
      const account = await holdfast().accounts.get(accountId, { signal });
      output.result(account, () => accountText(account));
      return EXIT.done;
    },
  }),
  command('accounts set', {
    about: 'Changes the status or the overdraft limit of an account, effective immediately.',
    options: {
      status: choice(
        ['ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED'] as const,
        'SUSPENDED: no debits; FROZEN: neither debits nor credits; CLOSED: for good',
      ),
      'overdraft-limit': text('AMOUNT', 'how far below zero the balance may go'),
    },
    operands: one,
    async run({ values, operands: [accountId = ''], holdfast, output, signal }) {
      const change = given({ status: values.status, overdraftLimit: values['overdraft-limit'] });
      if (Object.keys(change).length === 0)
        throw new UsageError('Nothing to change: give --status or --overdraft-limit.');
      const settings = await holdfast().accounts.change(accountId, change, { signal });
      const { status, overdraftLimit, currency } = settings;
      output.result(settings, () =>
        factsOf({ account: accountId, status, 'overdraft limit': `${overdraftLimit} ${currency}` }),
      );
      return EXIT.done;
    },
  }),
  command('accounts balance', {
    about: 'Shows the balances of accounts.',
    options: {},
    operands: { label: 'ACCOUNT…', help: 'the ids of the accounts', min: 1 },
    async run({ operands: accountIds, holdfast, output, signal }) {
      const { items, missing } = await holdfast().accounts.balances(accountIds, { signal });
      output.result({ items, missing }, () => balancesText(items));
      if (missing.length === 0) return EXIT.done;
      output.note(`Not found: ${missing.join(', ')}`);
      return EXIT.refused;
    },
  }),
  command('accounts history', {
    about: 'Lists the postings of an account and the events of its holds, the latest first.',
    options: {
      limit: wholeNumber('how many', { min: 1, max: SHOWN_MAX, fallback: 20 }),
      'oldest-first': flag('in the order in which they happened'),
      from: text('TIME', 'accepted at or after this time'),
      to: text('TIME', 'accepted before this time'),
      kind: text('NAMES', `only these kinds, separated by commas: ${KINDS.join(', ')}`),
      direction: choice(['debit', 'credit'] as const, 'only money that went out, or that came in'),
      'min-amount': text('AMOUNT', 'only transfers of at least this amount'),
      'max-amount': text('AMOUNT', 'only transfers of at most this amount'),
    },
    operands: one,
    async run({ values, operands: [accountId = ''], holdfast, output, signal }) {
      const { limit, from, to, kind, direction } = values;
      const filters: PostingFilters = given({
        order: values['oldest-first'] ? ('asc' as const) : ('desc' as const),
        limit: Math.min(limit, 1000),
        from,
        to,
        kind,
        direction,
        minAmount: values['min-amount'],
        maxAmount: values['max-amount'],
      });
      let rows: (Posting | HoldEvent)[] = [];
      let count = 0;
      const print = () => {
        if (!output.isJson && rows.length > 0) output.result({}, () => historyText(rows));
        rows = [];
      };
      for await (const item of holdfast().accounts.postings(accountId, filters, { signal })) {
        if (output.isJson) output.result(item, () => '');
        else if (rows.push(item) === ROWS) print();
        if (++count === limit) break;
      }
      print();
      return EXIT.done;
    },
  }),
  command('accounts holds', {
    about: 'Lists the holds of an account.',
    options: { status: choice(['OPEN', 'CAPTURED', 'VOIDED', 'EXPIRED'] as const, 'only those') },
    operands: one,
    async run({ values, operands: [accountId = ''], holdfast, output, signal }) {
      const rows: Cell[][] = [];
      for await (const hold of holdfast().accounts.holds(accountId, given({ status: values.status }), { signal })) {
        const { holdId, status, amount, remaining, currency, expiresAt, reference } = hold;
        if (output.isJson) output.result(hold, () => '');
        else if (rows.push([holdId, status, amount, remaining, currency, expiresAt, reference]) === SHOWN_MAX) break;
      }
      const titles = ['HOLD', 'STATUS', '>AMOUNT', '>REMAINING', 'CURRENCY', 'EXPIRES', 'REFERENCE'];
      if (!output.isJson) output.result({}, () => tableOf(titles, rows));
      return EXIT.done;
    },
  }),
];

function accountText({ accountId, name, status, currency, balance, held, available, ...rest }: Account): string {
  const money = (amount: string | null) => (amount === null ? null : `${amount} ${currency}`);
  const limits = Object.entries(rest.limits ?? {}).filter(([, value]) => value !== null);
  return factsOf({
    account: accountId,
    name,
    status,
    balance: money(balance),
    held: money(held),
    available: available === null ? 'unlimited' : money(available),
    'overdraft limit': money(rest.overdraftLimit),
    ...Object.fromEntries(limits.map(([limit, value]) => [limit, money(value)])),
    opened: rest.openedAt,
    version: rest.version,
    'as of': `${rest.asOf} (${rest.source}${rest.stale ? ', may be outdated' : ''})`,
  });
}

const balancesText = (items: readonly Balance[]): string =>
  tableOf(
    ['ACCOUNT', '>BALANCE', '>HELD', '>AVAILABLE', 'CURRENCY', ''],
    items.map(({ accountId, balance, held, available, currency, stale }) => [
      accountId,
      balance,
      held,
      available ?? 'unlimited',
      currency,
      stale ? 'may be outdated' : '',
    ]),
  );

const historyText = (items: readonly (Posting | HoldEvent)[]): string =>
  tableOf(
    ['ACCEPTED', 'KIND', '>AMOUNT', '>BALANCE', 'COUNTERPARTY', 'REFERENCE', 'ID'],
    items.map((item) =>
      'amount' in item
        ? [
            item.acceptedAt,
            item.kind,
            item.amount,
            item.balanceAfter,
            item.counterparty,
            item.reference,
            item.transactionId,
          ]
        : [item.acceptedAt, item.kind, `(${item.heldChange})`, item.balanceAfter, '', '', item.holdId],
    ),
  );
