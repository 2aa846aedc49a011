import { legIdOf, transactionIdOf } from '../domain/crossing.ts';
import type { LegName } from '../domain/leg-types.ts';
import { Problem } from '../domain/problem.ts';

/** A transfer that has left a shard, as its row in `crossings` describes it. Money in minor units. */
export interface CrossingLine {
  transactionId: string;
  toShard: number;
  state: 'OPEN' | 'DONE' | 'RETURNED';
  currency: string;
  amount: number;
}
/** A posted leg. */
export interface LegLine {
  id: string;
  leg: LegName;
  otherShard: number;
  currency: string;
  amount: number;
}

/** A posted leg, and the version that it gave to the inner account. */
export type InnerPosting = LegLine & { version: number };

/**
 * The transfers between shards in a shard's MySQL, and their legs, in pages. Every leg moves money from or to an inner
 * account, so the postings of these accounts are all legs, and transfers inside the shard are not read. @throws Problem
 * database_unavailable
 */
export interface CrossingPages {
  crossings(afterId: string, limit: number): Promise<CrossingLine[]>;
  /** The inner accounts that have postings. */
  innerAccounts(): Promise<string[]>;
  /** @param side the side of the legs on which to find the account */
  legsOf(
    accountId: string,
    side: 'source' | 'destination',
    afterVersion: number,
    limit: number,
  ): Promise<InnerPosting[]>;
  crossingsWith(transactionIds: readonly string[]): Promise<CrossingLine[]>;
  legsWith(ids: readonly string[]): Promise<LegLine[]>;
}

export interface CrossingDifference {
  transactionId: string;
  from: number;
  to: number;
  what: string;
}
export interface CrossingReport {
  clean: boolean;
  crossings: number;
  open: number;
  /** Shards whose MySQL could not be read completely. */
  unverifiedShards: number[];
  differences: number;
  /** The first differences, at most 100. */
  listed: CrossingDifference[];
}

const PAGE = 1000;
const LISTED_MAX = 100;

/**
 * Compares transfers between shards by their ids: each leg belongs to a row, and each row has the legs that its state
 * requires. It may run while transfers are made: a row exists before its `in` is sent, and is closed only when the
 * outcomes that close it are in MySQL. Therefore rows are read before the legs that they require, and legs are read
 * before the rows that they require.
 * @param shards in order of their numbers
 */
export async function checkCrossings(shards: readonly CrossingPages[], page = PAGE): Promise<CrossingReport> {
  const check = new CrossingCheck(shards, page);
  for (const number of shards.keys()) await check.shard(number);
  return check.report();
}

class CrossingCheck {
  readonly #shards: readonly CrossingPages[];
  readonly #page: number;
  readonly #unverified = new Set<number>();
  readonly #listed: CrossingDifference[] = [];
  #crossings = 0;
  #open = 0;
  #differences = 0;

  constructor(shards: readonly CrossingPages[], page: number) {
    this.#shards = shards;
    this.#page = page;
  }

  async shard(number: number): Promise<void> {
    await this.#eachPage(number, '', {
      read: (pages, after) => pages.crossings(after, this.#page),
      positionOf: ({ transactionId }) => transactionId,
      check: (lines) => this.#checkCrossings(number, lines),
    });
    const inner = await this.#from(number, (pages) => pages.innerAccounts());
    for (const accountId of inner ?? []) {
      for (const side of ['source', 'destination'] as const) await this.#legsOf(number, accountId, side);
    }
  }

  #legsOf(number: number, accountId: string, side: 'source' | 'destination'): Promise<void> {
    return this.#eachPage(number, 0, {
      read: (pages, after) => pages.legsOf(accountId, side, after, this.#page),
      positionOf: ({ version }) => version,
      // `returns` has an inner account on both sides.
      check: (legs) => this.#checkLegs(number, side === 'source' ? legs : legs.filter(({ leg }) => leg !== 'returns')),
    });
  }

  report(): CrossingReport {
    return {
      clean: this.#differences === 0 && this.#unverified.size === 0,
      crossings: this.#crossings,
      open: this.#open,
      unverifiedShards: [...this.#unverified].sort((a, b) => a - b),
      differences: this.#differences,
      listed: this.#listed,
    };
  }

  async #eachPage<L, P>(
    number: number,
    first: P,
    {
      read,
      positionOf,
      check,
    }: {
      read(pages: CrossingPages, after: P): Promise<L[]>;
      positionOf(line: L): P;
      check(lines: readonly L[]): Promise<void>;
    },
  ): Promise<void> {
    for (let after = first; ; ) {
      const lines = await this.#from(number, (pages) => read(pages, after));
      const last = lines?.at(-1);
      if (!lines || last === undefined) return;
      await check(lines);
      after = positionOf(last);
    }
  }

  async #checkCrossings(from: number, lines: readonly CrossingLine[]): Promise<void> {
    this.#crossings += lines.length;
    this.#open += lines.filter(({ state }) => state === 'OPEN').length;
    const idOf = ({ transactionId }: CrossingLine, leg: LegName) => legIdOf(transactionId, leg, from);
    const here = await this.#legsWith(
      from,
      lines.flatMap((line) => (['out', 'back', 'returns'] as const).map((leg) => idOf(line, leg))),
    );
    const byShard = grouped(lines, ({ toShard }) => toShard);
    for (const [to, own] of byShard) {
      const there = await this.#legsWith(
        to,
        own.map((line) => idOf(line, 'in')),
      );
      if (!here || !there) continue;
      for (const line of own) {
        const legs = {
          out: here.get(idOf(line, 'out')),
          in: there.get(idOf(line, 'in')),
          back: here.get(idOf(line, 'back')),
          returns: here.get(idOf(line, 'returns')),
        };
        const what = whatIsWrong(line, legs);
        if (what) this.#differs({ transactionId: line.transactionId, from, to, what });
      }
    }
  }

  async #checkLegs(shard: number, legs: readonly LegLine[]): Promise<void> {
    const bySource = grouped(legs, ({ leg, otherShard }) => (leg === 'in' ? otherShard : shard));
    for (const [from, own] of bySource) {
      const ids = [...new Set(own.map(({ id }) => transactionIdOf(id)))];
      const found = await this.#from(from, (pages) => pages.crossingsWith(ids));
      if (!found) continue;
      const rows = new Map(found.map((line) => [line.transactionId, line]));
      for (const { id, leg, otherShard } of own) {
        const transactionId = transactionIdOf(id);
        const to = leg === 'in' ? shard : otherShard;
        if (rows.get(transactionId)?.toShard === to) continue;
        this.#differs({ transactionId, from, to, what: `has ${leg}, but no row in the shard of its source` });
      }
    }
  }

  async #legsWith(number: number, ids: readonly string[]): Promise<Map<string, LegLine> | null> {
    const legs = await this.#from(number, (pages) => pages.legsWith(ids));
    return legs && new Map(legs.map((leg) => [leg.id, leg]));
  }

  /** Null if the shard cannot be read: then anything that depends on it is not verified. */
  async #from<T>(number: number, read: (pages: CrossingPages) => Promise<T>): Promise<T | null> {
    const pages = this.#shards[number];
    if (!pages) throw new RangeError(`a transfer names shard ${number}, which does not exist`);
    if (this.#unverified.has(number)) return null;
    try {
      return await read(pages);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#unverified.add(number);
      return null;
    }
  }

  #differs(difference: CrossingDifference): void {
    this.#differences += 1;
    if (this.#listed.length < LISTED_MAX) this.#listed.push(difference);
  }
}

/** What contradicts the row of a transfer; null if nothing does. */
function whatIsWrong(line: CrossingLine, legs: Readonly<Record<LegName, LegLine | undefined>>): string | null {
  if (!legs.out) return 'has no out';
  const other = Object.values(legs).find(
    (leg) => leg && (leg.amount !== line.amount || leg.currency !== line.currency),
  );
  if (other) return `moves ${line.amount} ${line.currency}; its ${other.leg} moves ${other.amount} ${other.currency}`;
  const ends = [legs.in, legs.back, legs.returns].filter((leg) => leg !== undefined).map(({ leg }) => leg);
  if (ends.length > 1) return `has ${ends.join(' and ')}`;
  if (line.state === 'DONE' && !legs.in) return 'is done, but has no in';
  if (line.state === 'RETURNED' && !legs.back && !legs.returns) return 'is returned, but has neither back nor returns';
  return null;
}

function grouped<L>(lines: readonly L[], numberOf: (line: L) => number): Map<number, L[]> {
  const groups = new Map<number, L[]>();
  for (const line of lines) {
    const group = groups.get(numberOf(line));
    if (group) group.push(line);
    else groups.set(numberOf(line), [line]);
  }
  return groups;
}
