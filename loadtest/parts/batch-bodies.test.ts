import { expect, it } from 'vitest';
import { uuidV7Time } from '../../app/domain/ids.ts';
import { BatchBody, PostedCounter } from './batch-bodies.ts';

interface Parsed {
  transfers: { transactionId: string; sourceAccount: string; destinationAccount: string }[];
}

it('a body gets new UUIDv7s with the current time for every request, and keeps its accounts', () => {
  const body = new BatchBody(300, 'abc123', () => ['a', 'b']);
  const ids = new Set<string>();
  for (const request of [0, 1, 0xffff_ffff]) {
    const { transfers } = JSON.parse(body.renew(1_769_000_000_000, request).toString()) as Parsed;
    expect(transfers).toHaveLength(300);
    for (const { transactionId, sourceAccount, destinationAccount } of transfers) {
      expect(uuidV7Time(transactionId)).toBe(1_769_000_000_000);
      expect([sourceAccount, destinationAccount]).toEqual(['a', 'b']);
      ids.add(transactionId);
    }
  }
  expect(ids.size).toBe(900);
});

it('counts the posted items in a response, however it is split', () => {
  const results = [{ status: 201 }, { status: 422 }, { status: 200 }, { amount: '2.01', status: 201 }];
  const answer = Buffer.from(JSON.stringify({ results }));
  for (let size = 1; size <= answer.length; size++) {
    const counter = new PostedCounter();
    for (let at = 0; at < answer.length; at += size) counter.take(answer.subarray(at, at + size));
    expect(counter.posted).toBe(3);
  }
});
