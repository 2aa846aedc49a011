import { isDeepStrictEqual } from 'node:util';
import type { Authority, CacheServerIdentity, Mode, MovedBy } from '../../app/authority/authority.ts';
import { type DrainedEpoch, type Fold, fold, foldAccepting, type Settled } from '../../app/authority/fold.ts';
import { replayRest, wholeJournal } from '../../app/authority/late.ts';
import type { Settlement } from '../../app/authority/ports.ts';
import { receive, withoutTimes } from '../../app/authority/received.ts';
import type { Doubt, JournalEntry } from '../../app/ledger/journal.ts';
import type { Cursor } from '../../app/store/flush-store.ts';
import { IntegrityError, movesOf } from '../../app/sync/batch.ts';
import { type Journaled, lastSeqOf } from '../../app/sync/journaled.ts';
import { authorityOf, NOTHING_WAITS, setAuthority } from './authority-tables.ts';
import type { MysqlClient } from './mysql-client.ts';
import type { MysqlServer } from './mysql-server.ts';
import { keyOf, type Tables } from './tables.ts';

/** The same transactions as app/store/settlement-store.ts. */
export class SettlementTables implements Settlement {
  protected readonly client: MysqlClient;
  constructor(client: MysqlClient) {
    this.client = client;
  }

  activate(from: Authority, server: CacheServerIdentity, by: MovedBy): Promise<Authority | null> {
    return this.from(from, ['REBUILDING'], (mysql, now) => {
      const { tables } = mysql;
      const { cacheEpoch } = server;
      if (cacheEpoch !== now.epoch + 1) throw new Error(`epoch ${cacheEpoch} of the cache cannot follow ${now.epoch}`);
      tables.cursor = { ...tables.cursor, epoch: cacheEpoch, seq: 0 };
      for (const { podId, epoch } of [...tables.pods.values()])
        if (epoch < cacheEpoch) tables.delete(tables.pods, podId);
      for (const table of [tables.drainedDoubts, tables.drainedEntries] as Map<number, unknown>[]) {
        for (const epoch of [...table.keys()]) if (epoch < cacheEpoch) tables.delete(table, epoch);
      }
      return setAuthority(mysql, { ...server, mode: 'CACHE', bound: null }, by);
    });
  }

  settleByJournal(from: Authority, to: 'REBUILDING' | 'DIRECT', end: number, by: MovedBy): Promise<Authority | null> {
    return this.from(from, ['CLOSING'], (mysql, now) => {
      const cacheEpoch = unsettled(now);
      const cursor = cursorIn(mysql.tables, cacheEpoch);
      if (cursor.seq !== end) throw new Error(`the cursor is at ${cacheEpoch}/${cursor.seq}, not at ${end}`);
      this.mustReach(mysql.tables, cacheEpoch, end);
      return setAuthority(mysql, { ...NOTHING_WAITS, mode: to }, by);
    });
  }

  settleByFold(
    from: Authority,
    by: MovedBy,
  ): Promise<{ authority: Authority; fold: Fold } | { undrained: string[] } | { unexplained: Fold } | null> {
    return this.from(from, ['CLOSING'], (mysql, now) => {
      const { tables } = mysql;
      const cacheEpoch = unsettled(now);
      const cursor = cursorIn(tables, cacheEpoch);
      const undrained = this.undrained(tables, cacheEpoch, cursor.seq);
      if (undrained.length > 0) return { undrained };
      const folded = this.fold(drainedEpoch(tables, cacheEpoch, cursor));
      if (folded.kind === 'unexplained') return { unexplained: folded };
      writeBooks(tables, cacheEpoch, folded);
      for (const account of folded.frozen) tables.set(tables.frozen, account.accountId, account);
      for (const doubt of folded.unsettled) tables.set(tables.unsettled, keyOf(doubt.kind, doubt.id), doubt);
      const authority = setAuthority(mysql, { ...standingAfter(now, folded), mode: 'DIRECT' }, by);
      return { authority, fold: folded };
    });
  }

  settleLate(from: Authority, entries: readonly JournalEntry[], end: number, by: MovedBy): Promise<Authority | null> {
    return this.from(from, ['DIRECT'], (mysql, now) => {
      const { tables } = mysql;
      const cacheEpoch = unsettled(now);
      const cursor = cursorIn(tables, cacheEpoch);
      if (end < (now.bound ?? 0)) throw new IntegrityError(`the journal ends at ${end}, and ${now.bound} was observed`);
      this.mustReach(tables, cacheEpoch, end);
      const told = wholeJournal(entries, cacheEpoch, cursor.seq, end);
      const rest = told.filter((one) => !this.stands(tables, one, cacheEpoch));
      const replay = replayRest(rest, accountsOf(tables, rest));
      const { outcomes, changes, idTimeMax } = replay;
      writeBooks(tables, cacheEpoch, { outcomes, changes, moves: movesOf(outcomes), cursor: end, idTimeMax });
      unfreezeAll(tables);
      return setAuthority(mysql, { ...NOTHING_WAITS, mode: 'DIRECT' }, by);
    });
  }

  acceptLoss(from: Authority, by: MovedBy): Promise<{ authority: Authority; dropped: number } | null> {
    return this.from(from, ['CLOSING', 'DIRECT'], (mysql, now) => {
      const { tables } = mysql;
      const cacheEpoch = unsettled(now);
      const cursor = cursorIn(tables, cacheEpoch);
      const lost =
        now.mode === 'CLOSING' ? lossOfClosing(tables, cacheEpoch, cursor) : lossOfFrozen(tables, cacheEpoch, cursor);
      tables.dropped.push(...lost);
      unfreezeAll(tables);
      return { authority: setAuthority(mysql, { ...NOTHING_WAITS, mode: 'DIRECT' }, by), dropped: lost.length };
    });
  }

  /** Registrations that may still know of something above the cursor. */
  protected undrained({ pods }: Tables, epoch: number, cursor: number): string[] {
    return [...pods.values()]
      .filter((pod) => pod.epoch === epoch && !pod.drained && (pod.retiredSeq === null || pod.retiredSeq > cursor))
      .map(({ podId }) => podId)
      .sort();
  }
  protected fold(drained: DrainedEpoch): Fold {
    return fold(drained);
  }
  protected mustReach(tables: Tables, epoch: number, end: number): void {
    const known = Math.max(observedIn(tables, epoch), ...drainedIn(tables, epoch).map(lastSeqOf));
    if (end < known)
      throw new IntegrityError(`the journal of epoch ${epoch} ends at ${end}, and ${known} was observed`);
  }
  /** Whether MySQL has it. @throws IntegrityError when what it has is something else */
  protected stands({ transfers, changes }: Tables, told: Journaled, epoch: number): boolean {
    const [standing, expected] =
      told.kind === 'transfers'
        ? [transfers.get(told.id), { ...told.outcome, replayed: true, persisted: true }]
        : [changes.get(told.id), { ...told.change, epoch }];
    if (!standing) return false;
    if (isDeepStrictEqual(withoutTimes(standing), withoutTimes(expected))) return true;
    throw new IntegrityError(`${told.kind} ${told.id} is in MySQL with another content than in the journal`);
  }

  protected from<T>(
    from: Authority,
    modes: readonly Mode[],
    work: (mysql: MysqlServer, now: Authority) => T,
  ): Promise<T | null> {
    return this.client.call((mysql) => {
      const now = authorityOf(mysql.tables.authority, mysql.nowMs);
      if (now.epoch !== from.epoch) return null;
      if (!modes.includes(now.mode)) throw new Error(`the authority is ${now.mode}, not ${modes.join(' or ')}`);
      return work(mysql, now);
    });
  }
}

function unsettled({ cacheEpoch }: Authority): number {
  if (cacheEpoch === null) throw new Error('no epoch of the cache waits to be settled');
  return cacheEpoch;
}

function cursorIn({ cursor }: Tables, epoch: number): Cursor {
  if (cursor.epoch !== epoch) throw new Error(`the cursor is in epoch ${cursor.epoch}, not in ${epoch}`);
  return cursor;
}

const observedIn = ({ pods }: Tables, epoch: number): number =>
  Math.max(0, ...[...pods.values()].filter((pod) => pod.epoch === epoch).map(({ observed }) => observed));

const drainedIn = ({ drainedEntries }: Tables, epoch: number): JournalEntry[] => [
  ...(drainedEntries.get(epoch)?.values() ?? []),
];

function drainedEpoch(tables: Tables, epoch: number, { seq }: Cursor): DrainedEpoch {
  const entries = drainedIn(tables, epoch).filter((entry) => lastSeqOf(entry) > seq);
  const inDoubt = [...(tables.drainedDoubts.get(epoch)?.values() ?? [])].filter((doubt) => !isKnown(tables, doubt));
  const accounts = accountsOf(tables, receive(entries, epoch, seq).told);
  return { epoch, cursor: seq, observed: observedIn(tables, epoch), entries, inDoubt, accounts };
}

const isKnown = ({ transfers, changes }: Tables, { kind, id }: Doubt): boolean =>
  kind === 'transfers' ? transfers.has(id) : changes.has(id);

function accountsOf({ accounts }: Tables, told: readonly Journaled[]) {
  const ids = new Set(told.flatMap((one) => one.accounts));
  return new Map(
    [...ids].flatMap((id) => {
      const account = accounts.get(id);
      return account ? [[id, account] as const] : [];
    }),
  );
}

/** While ids wait for the journal, the row keeps what the journal will be known by. */
function standingAfter({ cacheEpoch, redisNode, replid, marker }: Authority, { bound, cursor }: Settled) {
  return cursor < bound ? { cacheEpoch, redisNode, replid, marker, bound } : NOTHING_WAITS;
}

function writeBooks(
  tables: Tables,
  epoch: number,
  books: Pick<Settled, 'outcomes' | 'changes' | 'moves' | 'cursor' | 'idTimeMax'>,
): void {
  const idTimeMax = Math.max(tables.cursor.idTimeMax, books.idTimeMax);
  tables.cursor = { epoch: tables.cursor.epoch, seq: books.cursor, idTimeMax };
  tables.moveAccounts(books.moves);
  tables.insertOutcomes(books.outcomes);
  for (const change of books.changes) tables.writeChange(change, epoch);
}

function unfreezeAll(tables: Tables): void {
  tables.clear(tables.frozen);
  tables.clear(tables.unsettled);
}

function lossOfClosing(tables: Tables, epoch: number, cursor: Cursor) {
  const { settled, loss } = foldAccepting(drainedEpoch(tables, epoch, cursor));
  writeBooks(tables, epoch, settled);
  return [...loss.held, ...loss.inDoubt].map(({ kind, id }) => ({ kind, id }));
}

function lossOfFrozen(tables: Tables, epoch: number, { seq }: Cursor) {
  const { told } = receive(drainedIn(tables, epoch), epoch, seq);
  const held = told.filter((one) => !isKnown(tables, one)).map(({ kind, id }) => ({ kind, id }));
  const ids = new Set(held.map(({ kind, id }) => keyOf(kind, id)));
  const inDoubt = [...tables.unsettled.values()].filter(
    (one) => !isKnown(tables, one) && !ids.has(keyOf(one.kind, one.id)),
  );
  return [...held, ...inDoubt.map(({ kind, id }) => ({ kind, id }))];
}
