import { isDeepStrictEqual } from 'node:util';
import type { Authority, MovedBy } from '../../app/domain/authority.ts';
import type { Account } from '../../app/domain/types.ts';
import type { Cursor } from '../../app/journal/cursor.ts';
import { IntegrityError } from '../../app/journal/flush-batch.ts';
import type { IdKind, InDoubtAttempt, JournalEntry } from '../../app/journal/journal-entry.ts';
import { describeItem, type Journaled, lastSeqOf } from '../../app/journal/journaled.ts';
import { wholeJournal } from '../../app/journal/recovery/late.ts';
import { keyOf as journalKeyOf, keysOf, receive, withoutTimes } from '../../app/journal/recovery/received.ts';
import { attemptsOf, type FrozenAccount, gapsIn } from '../../app/journal/recovery/recover-epoch.ts';
import {
  type Page,
  type PageRule,
  type Recovery,
  type RecoveryPhase,
  recoverPage,
  upToGap,
} from '../../app/journal/recovery/recovery.ts';
import { isKnown, keyOf, type RecoveryRow, type Tables } from './tables.ts';

type Unsettled = Authority & { cacheEpoch: number };
type Change = Partial<
  Pick<RecoveryRow, 'phase' | 'position' | 'highestKnownSeq' | 'posted' | 'held' | 'attemptPosition'>
>;

/** As small as possible, so that every history has several pages. */
const PAGE_ENTRIES = 1;
const PAGE_ATTEMPTS = 1;

/** The same pages as app/mysql/authority/recovery-pages.ts. */
export class RecoveryTables {
  begin(
    tables: Tables,
    { epoch, cacheEpoch }: Unsettled,
    begun: { phase: RecoveryPhase; highestKnownSeq: number; accepted: MovedBy | null },
  ): Recovery {
    const position = tables.cursor.seq;
    tables.recovery = {
      ...begun,
      authorityEpoch: epoch,
      cacheEpoch,
      position,
      posted: 0,
      held: 0,
      attemptPosition: '',
    };
    return tables.recovery;
  }
  keepRow(tables: Tables, row: RecoveryRow, change: Change): Recovery {
    tables.recovery = { ...row, ...change };
    return tables.recovery;
  }

  upToGapPage(tables: Tables, row: RecoveryRow): Recovery | null {
    const { seq } = tables.cursor;
    const items = upToGap(this.handedOverAfter(tables, row.cacheEpoch, seq), seq);
    const last = items.at(-1);
    if (!last) return null;
    const page = this.#post(tables, row.cacheEpoch, items, 'require', last.lastSeq);
    return this.keepRow(tables, row, counted(row, page));
  }

  markPage(tables: Tables, row: RecoveryRow, items: readonly Journaled[]): Recovery {
    this.#markReceived(tables, row.cacheEpoch, items);
    return this.keepRow(tables, row, { position: items.at(-1)?.lastSeq ?? row.position });
  }

  freezePage(tables: Tables, row: RecoveryRow): Recovery {
    const { attempts, position } = pageOf(this.attemptsInDoubt(tables, row.cacheEpoch), row.attemptPosition);
    this.freeze(
      tables,
      attempts.flatMap(({ accounts }) => accounts),
      'in_doubt',
    );
    this.keepUnsettled(tables, attempts);
    if (position === null) return this.keepRow(tables, row, { phase: 'posting', attemptPosition: '' });
    return this.keepRow(tables, row, { attemptPosition: position });
  }

  postPage(tables: Tables, row: RecoveryRow): Recovery {
    const items = this.nextHandedOver(tables, row);
    if (items.length === 0) return this.keepRow(tables, row, { phase: 'done' });
    const page = this.#post(tables, row.cacheEpoch, items, 'hold', tables.cursor.seq);
    this.freeze(
      tables,
      page.held.flatMap(({ accounts }) => accounts),
      'held',
    );
    this.keepUnsettled(tables, page.held.flatMap(attemptsOf));
    return this.keepRow(tables, row, { position: items.at(-1)?.lastSeq ?? 0, ...counted(row, page) });
  }

  postPageAccepting(tables: Tables, row: RecoveryRow): Recovery {
    const items = this.nextHandedOver(tables, row);
    const position = items.at(-1)?.lastSeq ?? row.highestKnownSeq;
    const gaps = gapsIn(items, Math.max(row.position, tables.cursor.seq), position);
    const page = this.#post(tables, row.cacheEpoch, items, 'accept', tables.cursor.seq);
    this.#markReceived(tables, row.cacheEpoch, items);
    const held = page.held.flatMap(attemptsOf);
    this.#drop(tables, row, [
      ...held,
      ...gaps.map(({ fromSeq, toSeq }) => ({ kind: 'transfers' as const, id: `seq:${fromSeq}-${toSeq}` })),
    ]);
    const { posted } = counted(row, page);
    const phase = items.length === 0 ? 'recording' : 'posting';
    return this.keepRow(tables, row, { position, phase, posted, held: row.held + held.length + gaps.length });
  }

  comparePage(tables: Tables, row: RecoveryRow): Recovery {
    const items = this.nextHandedOver(tables, row);
    if (items.length === 0) return this.keepRow(tables, row, { phase: 'recording' });
    const held = items.filter((one) => {
      try {
        return !this.isCommitted(tables, one, row.cacheEpoch);
      } catch {
        return true;
      }
    });
    const ids = held.flatMap(attemptsOf);
    this.#drop(tables, row, ids);
    return this.keepRow(tables, row, { position: items.at(-1)?.lastSeq ?? 0, held: row.held + ids.length });
  }

  recordPage(tables: Tables, { mode }: Authority, row: RecoveryRow): Recovery {
    const given = new Set(
      tables.dropped
        .filter(({ authorityEpoch }) => authorityEpoch === row.authorityEpoch)
        .map(({ kind, id }) => keyOf(kind, id)),
    );
    const waiting =
      mode === 'CLOSING'
        ? this.attemptsInDoubt(tables, row.cacheEpoch)
        : [...tables.unsettled.values()].filter((one) => !isKnown(tables, one) && !given.has(keyOf(one.kind, one.id)));
    const { attempts, position } = pageOf(waiting, row.attemptPosition);
    this.#drop(tables, row, attempts);
    const held = row.held + attempts.length;
    if (position === null) return this.keepRow(tables, row, { phase: 'done', held });
    return this.keepRow(tables, row, { attemptPosition: position, held });
  }

  journalPage(
    tables: Tables,
    now: Unsettled,
    row: RecoveryRow | null,
    entries: readonly JournalEntry[],
    end: number,
  ): Recovery {
    const { seq } = tables.cursor;
    const last = entries.at(-1);
    const lastSeq = last ? Math.max(seq, lastSeqOf(last)) : seq;
    const items = wholeJournal(entries, now.cacheEpoch, seq, lastSeq);
    const page = this.#post(tables, now.cacheEpoch, items, 'require', lastSeq);
    if (!row) this.begin(tables, now, { phase: 'journal', highestKnownSeq: end, accepted: null });
    const current = row ?? tables.recovery;
    if (!current) throw new Error('it has begun');
    if (current.phase !== 'journal') {
      const { authorityEpoch: _authorityEpoch, attemptPosition: _attemptPosition, ...progress } = current;
      return { ...progress, phase: 'journal', position: lastSeq, highestKnownSeq: end };
    }
    return this.keepRow(tables, current, { position: lastSeq, highestKnownSeq: end, ...counted(current, page) });
  }

  #post(tables: Tables, epoch: number, items: readonly Journaled[], rule: PageRule, cursor: number): Page {
    const page = this.recover(items, accountsOf(tables, items), (one) => this.isCommitted(tables, one, epoch), rule);
    this.writeBooks(tables, epoch, page, cursor);
    return page;
  }
  recover(
    items: readonly Journaled[],
    accounts: ReadonlyMap<string, Account>,
    isCommitted: (one: Journaled) => boolean,
    rule: PageRule,
  ): Page {
    return recoverPage(items, accounts, isCommitted, rule);
  }
  writeBooks(tables: Tables, epoch: number, page: Page, cursor: number): void {
    const idTimeMax = Math.max(tables.cursor.idTimeMax, page.idTimeMax);
    tables.cursor = { epoch: tables.cursor.epoch, seq: cursor, idTimeMax };
    tables.moveAccounts(page.moves);
    tables.insertOutcomes(page.outcomes);
    tables.insertGroups(page.groups);
    tables.writeHolds(page.holdEvents, page.outcomes);
    for (const change of page.changes) tables.writeChange(change, epoch);
    tables.countUsage([...page.outcomes, ...page.holdEvents], page.changes);
  }

  freeze(tables: Tables, accountIds: readonly string[], reason: FrozenAccount['reason']): void {
    for (const accountId of accountIds) {
      if (reason === 'held' || !tables.frozen.has(accountId))
        tables.set(tables.frozen, accountId, { accountId, reason });
    }
  }
  keepUnsettled(tables: Tables, ids: readonly InDoubtAttempt[]): void {
    for (const { kind, id, accounts } of ids) {
      const key = keyOf(kind, id);
      if (!tables.unsettled.has(key)) tables.set(tables.unsettled, key, { kind, id, accounts });
    }
  }
  /** Whether MySQL has the item. @throws IntegrityError if MySQL has different content under its id */
  isCommitted({ transfers, changes, groups, holds, holdUpdates }: Tables, item: Journaled, epoch: number): boolean {
    const [existing, expected] = (() => {
      if (item.kind === 'account-change') return [changes.get(item.id), { ...item.change, epoch }];
      if ('event' in item)
        return [item.kind === 'hold' ? holds.get(item.id)?.placing : holdUpdates.get(item.id), item.event];
      const known = item.kind === 'group' ? groups.get(item.id) : transfers.get(item.id);
      return [known, { ...item.outcome, replayed: true, persisted: true }];
    })();
    if (!existing || !expected) {
      const taken = keysOf(item)
        .slice(1)
        .find((key) => transfers.has(key.slice('t:'.length)));
      if (taken) throw new IntegrityError(`MySQL has ${taken} of group ${item.id}, but not the group itself`);
      return false;
    }
    if (isDeepStrictEqual(withoutTimes(existing), withoutTimes(expected))) return true;
    throw new IntegrityError(`${describeItem(item)} has different content in MySQL than in the journal`);
  }

  /** The next page of the records that were handed over. */
  nextHandedOver(tables: Tables, row: RecoveryRow): Journaled[] {
    return this.handedOverAfter(tables, row.cacheEpoch, Math.max(row.position, tables.cursor.seq));
  }
  handedOverAfter(tables: Tables, epoch: number, seq: number): Journaled[] {
    const next = handedOverIn(tables, epoch)
      .filter((entry) => lastSeqOf(entry) > seq)
      .sort((a, b) => a.firstSeq - b.firstSeq)
      .slice(0, PAGE_ENTRIES);
    return receive(next, epoch, seq).items;
  }
  everythingHandedOver(tables: Tables, epoch: number, seq: number): Journaled[] {
    return receive(handedOverIn(tables, epoch), epoch, seq).items;
  }

  cursorIn({ cursor }: Tables, epoch: number): Cursor {
    if (cursor.epoch !== epoch) throw new Error(`the cursor is in epoch ${cursor.epoch}, not in ${epoch}`);
    return cursor;
  }
  knownOf(tables: Tables, epoch: number): number {
    const observed = [...tables.pods.values()].filter((pod) => pod.epoch === epoch).map((pod) => pod.observed);
    return Math.max(0, ...observed, ...handedOverIn(tables, epoch).map(lastSeqOf));
  }
  highestKnownSeqOf(tables: Tables, epoch: number): number {
    return Math.max(tables.cursor.seq, this.knownOf(tables, epoch));
  }

  /** In-doubt attempts whose entry no pod has handed over and that are not in MySQL: each once, in order. */
  attemptsInDoubt(tables: Tables, epoch: number): InDoubtAttempt[] {
    const byText = new Map<string, InDoubtAttempt>();
    const all = [...(tables.handedOverAttempts.get(epoch)?.values() ?? [])];
    const groups = new Set(all.filter(({ received, kind }) => received && kind === 'group').map(({ id }) => id));
    for (const { received, ...attempt } of all) {
      const { groupId } = attempt;
      if (received || isKnown(tables, attempt) || (groupId !== undefined && groups.has(groupId))) continue;
      byText.set(`${attempt.kind} ${placeOf(attempt)}`, attempt);
    }
    return [...byText.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, attempt]) => attempt);
  }
  #markReceived(tables: Tables, epoch: number, items: readonly Journaled[]): void {
    const keys = new Set(items.flatMap(keysOf));
    const attempts = tables.handedOverAttempts.get(epoch) ?? new Map();
    for (const [key, attempt] of [...attempts])
      if (keys.has(journalKeyOf(attempt))) tables.set(attempts, key, { ...attempt, received: true });
  }
  #drop(
    tables: Tables,
    { authorityEpoch }: RecoveryRow,
    given: readonly { kind: InDoubtAttempt['kind']; id: string }[],
  ): void {
    tables.dropped.push(...given.map(({ kind, id }) => ({ kind, id, authorityEpoch })));
  }
}

const placeOf = ({ id, accounts }: InDoubtAttempt): string => [id, ...accounts].join('\n');

/**
 * The next page of attempts, one kind after the other, and the position of the following page; null after the last
 * page.
 */
function pageOf(
  all: readonly InDoubtAttempt[],
  position: string,
): { attempts: InDoubtAttempt[]; position: string | null } {
  const [kind, after] = (position === '' ? ['transfers', ''] : JSON.parse(position)) as [
    InDoubtAttempt['kind'],
    string,
  ];
  const attempts = all
    .filter((attempt) => attempt.kind === kind && placeOf(attempt) > after)
    .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1))
    .slice(0, PAGE_ATTEMPTS);
  const last = attempts.at(-1);
  const following = KINDS[KINDS.indexOf(kind) + 1];
  const next = following ? JSON.stringify([following, '']) : null;
  return {
    attempts,
    position: attempts.length < PAGE_ATTEMPTS || !last ? next : JSON.stringify([kind, placeOf(last)]),
  };
}

const KINDS: readonly IdKind[] = ['transfers', 'account-change', 'group', 'hold', 'hold-event'];

const counted = (row: Recovery, { outcomes, groups, changes, holdEvents, held }: Page) => ({
  posted:
    row.posted +
    outcomes.length +
    changes.length +
    holdEvents.length +
    groups.filter(({ status }) => status === 'REJECTED').length,
  held: row.held + held.length,
});

const handedOverIn = ({ handedOverEntries }: Tables, epoch: number): JournalEntry[] => [
  ...(handedOverEntries.get(epoch)?.values() ?? []),
];

function accountsOf({ accounts }: Tables, items: readonly Journaled[]): Map<string, Account> {
  const ids = new Set(items.flatMap((one) => one.accounts));
  return new Map(
    [...ids].flatMap((id) => {
      const account = accounts.get(id);
      return account ? [[id, account] as const] : [];
    }),
  );
}
