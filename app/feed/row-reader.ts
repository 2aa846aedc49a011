import { Problem } from '../domain/problem.ts';
import { decodeEntry } from '../journal/sealed/entry-decoder.ts';
import { isAccountChange } from '../journal/sealed/peek.ts';
import type { FeedEvent, FeedFilter } from '../ledger/ports/feed.ts';
import type { SealedLines, SealedLog } from '../ledger/ports/sealed-log.ts';
import { FeedRow, type RowEvent, seesOf } from './feed-row.ts';
import type { Pace } from './pace.ts';
import { Turns } from './turns.ts';

/** The size of one read. Everything in it is decoded at once, so it must not occupy the event loop for long. */
const READ_MAX = { rows: 16, bytes: 1024 * 1024 };
/** How many entries of recent rows are kept for listeners that reconnect after a moment: about 20 MB. */
const KEPT_ENTRIES_MAX = 20_000;

export type Bounds = Awaited<ReturnType<SealedLog['bounds']>>;

export interface RowReaderDependencies {
  log: SealedLog;
  shard: number;
  ledgerId(): Promise<string>;
  /** Shared by all shards of the pod. */
  pace: Pace;
}

/** Reads the rows of one shard. Rows that were read recently are kept, because many listeners read the same ones. */
export class RowReader {
  readonly #deps: RowReaderDependencies;
  readonly #turns = new Turns();
  /** By position, in the order in which they were read. */
  readonly #kept = new Map<number, FeedRow>();
  #keptEntries = 0;
  #bounds: Promise<Bounds> | null = null;
  readonly #reads = new Map<number, Promise<readonly FeedRow[]>>();

  constructor(deps: RowReaderDependencies) {
    this.#deps = deps;
  }

  get shard(): number {
    return this.#deps.shard;
  }

  /** Callers share queries, so the newest position may be slightly out of date. @throws Problem database_unavailable */
  bounds(): Promise<Bounds> {
    this.#bounds ??= this.currentBounds().finally(() => {
      this.#bounds = null;
    });
    return this.#bounds;
  }

  /** @throws Problem database_unavailable */
  currentBounds(): Promise<Bounds> {
    return this.#deps.log.bounds();
  }

  /**
   * Reads some rows after a position, at the pace of low-priority work; returns none at the end of the log.
   * @throws Problem events_gone, database_unavailable
   */
  async replay(after: number): Promise<readonly FeedRow[]> {
    const kept = this.#keptAfter(after);
    if (kept.length > 0) return kept;
    const known = this.#reads.get(after);
    if (known) return known;
    const read = this.#inTurn(after).finally(() => this.#reads.delete(after));
    this.#reads.set(after, read);
    return read;
  }

  async #inTurn(after: number): Promise<readonly FeedRow[]> {
    await this.#turns.begin(after);
    let units = 0;
    try {
      // Another reader may have read them in the meantime.
      const kept = this.#keptAfter(after);
      if (kept.length > 0) return kept;
      const rows = await this.follow(after);
      units = rows.reduce((sum, { size }) => sum + size, 0);
      return rows;
    } finally {
      void this.#deps.pace.pay(units).then(() => this.#turns.end());
    }
  }

  /** The events as a listener sees them. @throws Problem database_unavailable */
  async seenBy(filter: FeedFilter, events: readonly RowEvent[]): Promise<readonly FeedEvent[]> {
    const sees = seesOf(filter) ?? undefined;
    if ((!filter.details && !sees) || events.length === 0) return events;
    const found = filter.details ? await this.#deps.log.personal(events.map(({ entry }) => entry)) : [];
    return events.map((event, index) => event.seenWith(found[index] ?? null, sees));
  }

  /** Like `replay`, but immediately. */
  async follow(after: number): Promise<readonly FeedRow[]> {
    const { log, shard } = this.#deps;
    const [sealed, ledgerId] = await Promise.all([log.readLines(after, READ_MAX), this.#deps.ledgerId()]);
    if (sealed.some(({ position }, index) => position !== after + 1 + index)) throw gone();
    const context = { ledgerId, shard, currencies: await this.#currenciesOf(sealed) };
    const rows = sealed.map((row) => new FeedRow(row, context));
    for (const row of rows) this.#keep(row);
    return rows;
  }

  /** The currencies of changed accounts, which the log does not contain. Changes are rare. */
  async #currenciesOf(rows: readonly SealedLines[]): Promise<Map<string, string>> {
    const currencies = new Map<string, string>();
    const changes = rows.flatMap(({ lines }) => lines.filter(isAccountChange).map(decodeEntry));
    if (changes.length === 0) return currencies;
    const found = await this.#deps.log.personal(changes);
    for (const [index, entry] of changes.entries()) {
      const currency = found[index]?.currency;
      if (entry.kind === 'account-changed' && currency !== undefined) currencies.set(entry.change.changeId, currency);
    }
    return currencies;
  }

  #keptAfter(after: number): FeedRow[] {
    const rows: FeedRow[] = [];
    for (let position = after + 1; rows.length < READ_MAX.rows; position++) {
      const row = this.#kept.get(position);
      if (!row) break;
      rows.push(row);
    }
    return rows;
  }

  #keep(row: FeedRow): void {
    if (this.#kept.has(row.position)) return;
    this.#kept.set(row.position, row);
    this.#keptEntries += row.size;
    for (const oldest of this.#kept.values()) {
      if (this.#keptEntries <= KEPT_ENTRIES_MAX) return;
      this.#kept.delete(oldest.position);
      this.#keptEntries -= oldest.size;
    }
  }
}

export const gone = (): Problem =>
  new Problem('events_gone', 'Events after this position are no longer in the log. Begin with `after=oldest`.');
