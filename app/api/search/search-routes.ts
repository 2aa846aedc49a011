import type { z } from 'zod';
import { TransferPending } from '../../domain/crossing.ts';
import { type Identity, requireAccounts } from '../../domain/identity.ts';
import { formatAmount } from '../../domain/money.ts';
import type { ProblemCode } from '../../domain/problem.ts';
import type { FoundAccount, FoundTransfer, Search } from '../../ledger/ports/search.ts';
import { type Route, route } from '../http/route.ts';
import { invalid } from '../http/validation.ts';
import { formatTimestamp } from '../schemas/fields.ts';
import { pendingRecord, transferRecord } from '../transfers/transfer-record.ts';
import { visibleRecord } from '../transfers/visibility.ts';
import { decodeAccount, decodePlace, encodeAccount, encodePlace } from './search-cursor.ts';
import {
  AccountList,
  type AccountSummary,
  AccountsQuery,
  filterOf,
  TransferList,
  TransfersQuery,
} from './search-schema.ts';

const PROBLEMS: readonly ProblemCode[] = [
  'search_disabled',
  'search_not_ready',
  'feature_not_active',
  'ledger_switching',
  'database_unavailable',
];

const ABOUT =
  'Read from an index that lags behind the ledger by a second or two; `asOf` is the time up to which it is complete. Available if the operator has enabled search.';

export function searchRoutes({ search }: { search: Search }): Route[] {
  return [listTransfers(search), listAccounts(search)];
}

function listTransfers(search: Search): Route {
  return route({
    method: 'GET',
    path: '/v1/transfers',
    scopes: ['balances:read'],
    accounts: 'handler',
    tag: 'Transfers',
    summary: 'List transfers, posted or refused',
    description: `${ABOUT}\n\nA page examines at most 5,000 transfers of each shard, so it may have fewer items than \`limit\`, even none: continue until \`nextCursor\` is null. Send the same filters along with a cursor. A transfer between shards is listed once, with the time at which its source accepted it.`,
    query: TransfersQuery,
    answers: { 200: { description: 'A page of transfers', schema: TransferList } },
    problems: PROBLEMS,
    async handle({ query, identity }) {
      const filter = filterOf(query);
      const isRestricted = identity.accountPrefixes !== undefined;
      if (isRestricted) requireAccounts(identity, [accountIn(filter)]);
      const after = query.cursor === undefined ? null : decodePlace(query.cursor);
      const { order, limit } = query;
      const { items, next, asOf } = await search.transfers({ filter, order, after, limit, isRestricted });
      const body: z.input<typeof TransferList> = {
        items: items.map((found) => visibleRecord(recordOf(found, identity), identity)),
        nextCursor: next && encodePlace(next),
        asOf: formatTimestamp(asOf),
      };
      return { status: 200, body };
    },
  });
}

/** @throws Problem validation_failed */
function accountIn({ account }: { account?: string }): string {
  if (account !== undefined) return account;
  throw invalid([{ pointer: '/account', detail: 'is required, because these credentials may use only some accounts' }]);
}

function recordOf({ outcome, state }: FoundTransfer, identity: Identity) {
  if (state === 'decided') return transferRecord(outcome, identity);
  const record = pendingRecord(new TransferPending(outcome));
  return state === 'pending' ? record : { ...record, status: 'REJECTED' as const, persisted: true };
}

function listAccounts(search: Search): Route {
  return route({
    method: 'GET',
    path: '/v1/accounts',
    scopes: ['balances:read'],
    accounts: 'handler',
    tag: 'Accounts',
    summary: 'List accounts',
    description: `${ABOUT}\n\nA page examines at most 5,000 accounts of each shard: continue until \`nextCursor\` is null. An API key that may use only some accounts sees only these.`,
    query: AccountsQuery,
    answers: { 200: { description: 'A page of accounts', schema: AccountList } },
    problems: PROBLEMS,
    async handle({ query, identity }) {
      const { prefix, currency, status, order, limit } = query;
      const { items, next, asOf } = await search.accounts({
        prefixes: prefixesFor(identity, prefix ?? ''),
        ...(currency !== undefined && { currency }),
        ...(status !== undefined && { status }),
        order,
        after: query.cursor === undefined ? null : decodeAccount(query.cursor),
        limit,
      });
      const body: z.input<typeof AccountList> = {
        items: items.map(summaryOf),
        nextCursor: next === null ? null : encodeAccount(next),
        asOf: formatTimestamp(asOf),
      };
      return { status: 200, body };
    },
  });
}

/** The prefixes to search for: the requested one, or those below it that the caller may use. */
function prefixesFor({ accountPrefixes }: Identity, wanted: string): string[] {
  if (accountPrefixes === undefined || accountPrefixes.some((prefix) => wanted.startsWith(prefix))) return [wanted];
  return accountPrefixes.filter((prefix) => prefix.startsWith(wanted));
}

function summaryOf(account: FoundAccount): z.input<typeof AccountSummary> {
  const { accountId, currency, status, external, name, version, settingsVersion } = account;
  return {
    accountId,
    currency,
    status,
    external,
    name,
    balance: formatAmount(account.balance, currency),
    held: formatAmount(account.held, currency),
    overdraftLimit: formatAmount(account.overdraftLimit, currency),
    version,
    settingsVersion,
    openedAt: formatTimestamp(account.openedAt),
  };
}
