import type { SealedEntry } from '../journal/sealed/sealed-entry.ts';
import type { LogHead } from '../journal/sealed/sealed-rows.ts';
import type { AuditFault, AuditScope, AuditSource } from './audit-source.ts';
import { type BookItem, type Compared, comparedEntry, comparedItem, whatOfItem } from './book-items.ts';
import { EMPTY_LOG, type WalkedEntry, waitingEntry, walkLog } from './log-walk.ts';
import { problemOf } from './row-problems.ts';
import { RowSums } from './row-sums.ts';

/** Maximum number of rows that are compared one by one at the same time. */
const CANDIDATES_MAX = 200_000;
/** How many times both sides are read again to name what differs. */
const ROUNDS_MAX = 8;
/** How far the log is read beyond its audited end, to find entries of rows that were being written at that time. */
const TAIL_ROWS_MAX = 2_000;

interface Placed extends Compared {
  position: number;
  index: number;
}

/**
 * Compares the rows of the books that never change with the log, in constant memory: everything in the log must be in
 * the books exactly once, with the same content, and nothing else may be. What differs is named in a second pass.
 */
export class RowCheck {
  readonly #source: AuditSource;
  readonly #sums = new RowSums();
  /** The time of the first row of the log, ms: later rows of the books are in the log. */
  readonly #logBeganAt: number;
  #states = 0;
  /** The number of rows that the books must have according to the log; if rows are missing, the books have fewer. */
  #logged = 0;
  rows = 0;
  olderRows = 0;

  constructor(source: AuditSource, logBeganAt: number) {
    this.#source = source;
    this.#logBeganAt = logBeganAt;
  }

  /** Called for each entry of the audited log, in any order. */
  take({ entry, line }: Pick<WalkedEntry, 'entry' | 'line'>): void {
    if (entry.kind === 'account-state') this.#states += 1;
    for (const { what, text } of comparedEntry(entry, line)) {
      this.#logged += 1;
      this.#sums.add(what, text, 1);
    }
  }

  /** Called after the last entry. @returns faults, at most `faultsMax` */
  async run(scope: AuditScope, faultsMax: number): Promise<AuditFault[]> {
    const faults: AuditFault[] = [];
    for await (const page of this.#source.items(scope.at)) {
      for (const item of page) {
        const compared = this.#comparedOf(item, scope);
        if (compared === 'older') this.olderRows += 1;
        else if (compared === 'unlogged') {
          if (faults.length < faultsMax) faults.push(unlogged(whatOfItem(item)));
        } else {
          this.rows += 1;
          this.#sums.add(compared.what, compared.text, -1);
        }
      }
    }
    const differing = this.#sums.differing();
    if (differing.length > 0) faults.push(...(await this.#named(scope, differing, faultsMax - faults.length)));
    return faults;
  }

  /** `older`: it was written before the log began. `unlogged`: it should be in the log. */
  #comparedOf(item: BookItem, scope: AuditScope): Compared | 'older' | 'unlogged' {
    if (item.salt !== null) return comparedItem(item, item.salt);
    // An account that a process of an older release has opened gets its state later. Moves of the authority by the
    // migration, or by a split, are not in the log.
    if (item.kind === 'account' || item.kind === 'move') return 'older';
    const wholeLog = scope.isComplete && this.#states === 0;
    return wholeLog || item.at >= this.#logBeganAt ? 'unlogged' : 'older';
  }

  async #named(scope: AuditScope, differing: readonly number[], faultsMax: number): Promise<AuditFault[]> {
    const perBucket = Math.max(1, this.#logged / 2 ** 18, this.rows / 2 ** 18);
    const perRound = Math.max(1, Math.floor(CANDIDATES_MAX / perBucket));
    const faults: AuditFault[] = [];
    for (let round = 0; round < ROUNDS_MAX && round * perRound < differing.length; round++) {
      const buckets = new Set(differing.slice(round * perRound, (round + 1) * perRound));
      faults.push(...(await this.#namedIn(scope, buckets)));
      if (faults.length >= faultsMax) return faults.slice(0, Math.max(1, faultsMax));
    }
    return faults;
  }

  async #namedIn(scope: AuditScope, buckets: ReadonlySet<number>): Promise<AuditFault[]> {
    const isCandidate = ({ what }: Compared) => buckets.has(this.#sums.bucketOf(what));
    const log = await this.#logEntries(scope.head, isCandidate);
    const faults: AuditFault[] = [];
    const extra: Compared[] = [];
    for await (const page of this.#source.items(scope.at)) {
      for (const item of page) {
        const compared = this.#comparedOf(item, scope);
        const one = typeof compared === 'string' ? { what: whatOfItem(item), text: '' } : compared;
        if (!isCandidate(one)) continue;
        const known = log.get(one.what);
        const same = known?.findIndex(({ text }) => text === one.text) ?? -1;
        if (known && same >= 0) known.splice(same, 1);
        else if (known?.[0]) {
          const [entry] = known.splice(0, 1);
          if (entry) faults.push(differs(entry, one, item));
        } else if (typeof compared !== 'string') extra.push(one);
        if (known?.length === 0) log.delete(one.what);
      }
    }
    for (const { what, position, index } of [...log.values()].flat())
      faults.push({ position, index, what, problem: 'its row is missing' });
    const late = extra.length === 0 ? null : await this.#late(scope.head, extra);
    return [...faults, ...extra.filter((one) => !late?.has(one)).map(({ what }) => unlogged(what))];
  }

  async #logEntries(head: LogHead, isCandidate: (one: Compared) => boolean): Promise<Map<string, Placed[]>> {
    const found = new Map<string, Placed[]>();
    await walkLog(this.#source, { from: EMPTY_LOG, to: head.position }, ({ entry, line, position, index }) => {
      for (const one of comparedEntry(entry, line)) {
        if (!isCandidate(one)) continue;
        const placed = { ...one, position, index };
        const known = found.get(one.what);
        if (known) known.push(placed);
        else found.set(one.what, [placed]);
      }
    });
    return found;
  }

  /** Which of these were already written at the audited end, but reached the log only later, or are not in it yet. */
  async #late(head: LogHead, wanted: readonly Compared[]): Promise<Set<Compared>> {
    const byText = new Map(wanted.map((one) => [`${one.what} ${one.text}`, one]));
    const late = new Set<Compared>();
    const take = (entry: SealedEntry, line: string) => {
      for (const { what, text } of comparedEntry(entry, line)) {
        const found = byText.get(`${what} ${text}`);
        if (found) late.add(found);
      }
    };
    const end = await this.#source.atOneMoment(async (view) => {
      for (const line of view.waiting) take(waitingEntry(line, view.head), line);
      return view.head;
    });
    const to = Math.min(end.position, head.position + TAIL_ROWS_MAX);
    await walkLog(this.#source, { from: head, to }, ({ entry, line }) => take(entry, line));
    return late;
  }
}

const unlogged = (what: string): AuditFault => ({
  position: null,
  index: null,
  what,
  problem: 'its row is not in the log',
});

function differs({ what, text, position, index }: Placed, found: Compared, item: BookItem): AuditFault {
  return { position, index, what, problem: problemOf(text, found.text, item) };
}
