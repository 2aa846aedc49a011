import { describe, expect, it } from 'vitest';
import { Lanes } from './lanes.ts';

interface Item {
  name: string;
  accounts: string[];
}

function lanesOf(...items: [name: string, ...accounts: string[]][]): Lanes<Item> {
  const lanes = new Lanes<Item>((item) => item.accounts);
  for (const [name, ...accounts] of items) lanes.add({ name, accounts });
  return lanes;
}

const names = (entries: readonly { item: Item }[]) => entries.map((entry) => entry.item.name);

describe('Lanes', () => {
  it('hands out one item of an account at a time, in order', () => {
    const lanes = lanesOf(['a1', 'A'], ['a2', 'A'], ['b1', 'B'], ['a3', 'A']);
    const first = lanes.take(10);
    expect(names(first)).toEqual(['a1', 'b1']);
    for (const entry of first) lanes.done(entry);
    const second = lanes.take(10);
    expect(names(second)).toEqual(['a2']);
    for (const entry of second) lanes.done(entry);
    expect(names(lanes.take(10))).toEqual(['a3']);
  });

  it('makes an item of two accounts wait for both', () => {
    const lanes = lanesOf(['a1', 'A'], ['b1', 'B'], ['ab', 'A', 'B'], ['b2', 'B']);
    const [a1, b1] = lanes.take(10);
    if (a1 === undefined || b1 === undefined) throw new Error('both were ready');
    lanes.done(a1);
    expect(lanes.readyCount).toBe(0);
    lanes.done(b1);
    const [ab, ...others] = lanes.take(10);
    expect(ab?.item.name).toBe('ab');
    expect(others).toEqual([]);
    if (ab !== undefined) lanes.done(ab);
    expect(names(lanes.take(10))).toEqual(['b2']);
  });

  it('does not delay items without order, or items with the same account on both sides', () => {
    const lanes = lanesOf(['x'], ['y'], ['self', 'S', 'S']);
    const entries = lanes.take(2);
    expect(names(entries)).toEqual(['x', 'y']);
    const rest = lanes.take(2);
    expect(names(rest)).toEqual(['self']);
    for (const entry of [...entries, ...rest]) lanes.done(entry);
    expect(lanes.size).toBe(0);
  });

  it('rejects completing an item twice', () => {
    const lanes = lanesOf(['a1', 'A'], ['a2', 'A']);
    const [entry] = lanes.take(1);
    if (entry === undefined) throw new Error('one was ready');
    lanes.done(entry);
    expect(() => lanes.done(entry)).toThrow('not at the head');
  });
});
