/**
 * Keeps the order of an account's transfers while everything else runs at the same time.
 *
 * Every ordered account is a lane. An item joins the end of each of its lanes and is ready once it is first in all of
 * them; it stays there until it is done, so of one account at most one transfer is under way, and a batch never carries
 * two. (Why not two in a batch, as they run in order: a 503 for the first alone, and the second has overtaken it.)
 * Items without lanes are ready at once.
 */
export class Lanes<T> {
  private readonly lanes = new Map<string, Entry<T>[]>();
  private ready: Entry<T>[] = [];
  private inside = 0;
  private readonly lanesOf: (item: T) => readonly string[];

  constructor(lanesOf: (item: T) => readonly string[]) {
    this.lanesOf = lanesOf;
  }

  /** Items that were added and are not done. */
  get size(): number {
    return this.inside;
  }

  get readyCount(): number {
    return this.ready.length;
  }

  add(item: T): void {
    // Both sides the same would wait for itself for ever; the service refuses it, so it may as well go out.
    const keys = [...new Set(this.lanesOf(item))];
    const entry: Entry<T> = { item, keys, ahead: 0 };
    for (const key of keys) {
      const lane = this.lanes.get(key);
      if (lane === undefined) this.lanes.set(key, [entry]);
      else {
        lane.push(entry);
        entry.ahead++;
      }
    }
    this.inside++;
    if (entry.ahead === 0) this.ready.push(entry);
  }

  /** Up to `countMax` items whose turn it is, in the order in which they became ready. */
  take(countMax: number): Entry<T>[] {
    return this.ready.splice(0, countMax);
  }

  /** The item has its outcome: whoever stands behind it moves up. */
  done(entry: Entry<T>): void {
    this.inside--;
    for (const key of entry.keys) {
      const lane = this.lanes.get(key);
      if (lane?.[0] !== entry) throw new Error(`Lane ${key} is not headed by the item that is done`);
      lane.shift();
      const next = lane[0];
      if (next === undefined) this.lanes.delete(key);
      else if (--next.ahead === 0) this.ready.push(next);
    }
  }
}

export interface Entry<T> {
  readonly item: T;
  readonly keys: readonly string[];
  /** In how many of its lanes somebody stands before it. */
  ahead: number;
}
