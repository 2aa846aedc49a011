/**
 * Keeps the order of an account's transfers while everything else runs concurrently.
 *
 * Every ordered account is a lane. An item joins the end of each of its lanes and is ready once it is first in all of
 * them; it stays there until it is done, so each account has at most one transfer in flight, and a batch never contains
 * two. (Two in a batch would run in order, but if only the first gets a 503, the second overtakes it.) Items without
 * lanes are ready immediately.
 */
export class Lanes<T> {
  private readonly lanes = new Map<string, Entry<T>[]>();
  private ready: Entry<T>[] = [];
  private inside = 0;
  private readonly lanesOf: (item: T) => readonly string[];

  constructor(lanesOf: (item: T) => readonly string[]) {
    this.lanesOf = lanesOf;
  }

  /** Items that were added but are not done yet. */
  get size(): number {
    return this.inside;
  }

  get readyCount(): number {
    return this.ready.length;
  }

  add(item: T): void {
    // An item with the same account on both sides would wait for itself forever; the service refuses it anyway.
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

  /** Up to `countMax` ready items, in the order in which they became ready. */
  take(countMax: number): Entry<T>[] {
    return this.ready.splice(0, countMax);
  }

  /** Called when the item has its outcome: the items behind it move up. */
  done(entry: Entry<T>): void {
    this.inside--;
    for (const key of entry.keys) {
      const lane = this.lanes.get(key);
      if (lane?.[0] !== entry) throw new Error(`The completed item is not at the head of lane ${key}`);
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
  /** The number of its lanes in which another item is ahead of it. */
  ahead: number;
}
