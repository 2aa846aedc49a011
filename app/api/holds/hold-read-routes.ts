import type { HoldState } from '../../domain/hold-types.ts';
import type { HoldOrder } from '../../domain/holds.ts';
import type { HoldCapture } from '../../ledger/ports/holds.ts';
import { type Route, route } from '../http/route.ts';
import { AccountIdParams, LIMIT_DEFAULT } from '../schemas/fields.ts';
import { decodeIdCursor, encodeIdCursor } from '../schemas/id-cursor.ts';
import { DEMO_HOLDS, ETAG, FINDING, type HoldDependencies, requireVisibleHold, tag } from './hold-routes.ts';
import {
  CAPTURES_MAX,
  etagOf,
  HoldList,
  HoldQuery,
  HoldRecord,
  HoldsQuery,
  holdParams,
  holdRecord,
  listedAnswer,
  requireHoldOf,
} from './hold-schema.ts';

/** A capture reaches MySQL within tens of milliseconds; a read of a hold that has just been captured waits for it. */
const CAPTURES_WAIT_MS = 20;
const CAPTURES_TRIES = 15;

export function holdReadRoutes(deps: HoldDependencies): Route[] {
  return [readHold(deps), listHolds(deps)];
}

function readHold({ holds, holdBooks, clock }: HoldDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/holds/{holdId}',
    scopes: ['transfers:write', 'balances:read'],
    accounts: 'handler',
    tag,
    summary: 'Read a hold with its captures, or why it was refused',
    params: holdParams(DEMO_HOLDS.read),
    query: HoldQuery,
    answers: { 200: { description: 'The hold', schema: HoldRecord, headers: ETAG } },
    problems: [...FINDING, 'account_unsettled', 'ledger_switching', 'ledger_closed', 'database_unavailable'],
    async handle({ params: { holdId }, query: { account }, identity }) {
      const view = await holds.hold(holdId, { account });
      requireVisibleHold(identity, view.event.order);
      requireHoldOf(account, view.event.order);
      const { hold } = view;
      return {
        status: 200,
        body: holdRecord(view, hold ? await capturesOf(view.event.order, hold) : []),
        headers: etagOf(hold ?? { revision: 0 }),
      };
    },
  });

  /** The captures that make up the captured amount; without the last ones if they take too long to reach MySQL. */
  async function capturesOf({ holdId, account }: HoldOrder, { captured }: HoldState): Promise<HoldCapture[]> {
    if (captured === 0) return [];
    for (let tries = 1; ; tries++) {
      const captures = await holdBooks.captures({ holdId, accountId: account }, CAPTURES_MAX);
      const isComplete = captures.reduce((sum, { amount }) => sum + amount, 0) >= captured;
      if (isComplete || captures.length === CAPTURES_MAX || tries === CAPTURES_TRIES) return captures;
      await clock.sleep(CAPTURES_WAIT_MS);
    }
  }
}

function listHolds({ holds, holdBooks, books }: HoldDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/accounts/{id}/holds',
    scopes: ['balances:read'],
    accounts: 'path',
    tag,
    summary: 'Read the holds of an account',
    description:
      'Read from MySQL: a new or changed hold appears here a few tens of milliseconds later. Holds are sorted by id, so UUIDv7s are in the order of their times. Refused holds are not listed. Send the same `status` along with a cursor.',
    params: AccountIdParams,
    query: HoldsQuery,
    answers: { 200: { description: 'A page of holds', schema: HoldList } },
    problems: ['account_not_found', 'feature_not_active', 'ledger_switching', 'database_unavailable'],
    async handle({ params: { id: accountId }, query }) {
      holds.requireActive(accountId);
      const { limit = LIMIT_DEFAULT } = query;
      const afterHoldId = query.cursor === undefined ? '' : decodeIdCursor(query.cursor);
      // One more hold than requested is read, to determine whether there is a next page.
      const found = await holdBooks.holds({ accountId, status: query.status ?? null, afterHoldId, limit: limit + 1 });
      // An empty list is correct for an account without holds, but not for one that does not exist.
      if (found.length === 0) await books.accountDetails(accountId);
      const items = found.slice(0, limit);
      const last = items.at(-1);
      const nextCursor = found.length > limit && last ? encodeIdCursor(last.order.holdId) : null;
      return { status: 200, body: { items: items.map(listedAnswer), nextCursor } };
    },
  });
}
