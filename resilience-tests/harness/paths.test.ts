import { expect, test } from 'vitest';
import { type Answer, Recording } from '../../verification/checker/history.ts';
import { nameInShard } from '../../verification/load/shard-population.ts';
import { acrossOthers, insideOthers, pathsSeen, touching } from './paths.ts';

const SHARDS = 3;
const POSTED: Answer = {
  kind: 'posted',
  source: { balance: 0, version: 1 },
  destination: { balance: 0, version: 1 },
};
const REFUSED: Answer = { kind: 'refused', status: 503, code: 'ledger_switching' };

let count = 0;
function attempt(history: Recording, [from, to]: [number, number], endedAt: number, answer: Answer, request?: string) {
  const [source = '', destination = ''] = [from, to].map((shard) => `x@${nameInShard(shard, SHARDS)}`);
  count += 1;
  const content = { source, destination, amount: 1, currency: 'EUR' };
  const correlationId = request ?? `own-${count}`;
  history.of(`t${count}`).attempts.push({ content, correlationId, sentAt: endedAt - 10, endedAt, answer });
}

test('only transfers on the given paths that are answered within the given time count', () => {
  const history = new Recording(10);
  attempt(history, [1, 1], 100, POSTED);
  attempt(history, [2, 2], 400, POSTED);
  attempt(history, [0, 0], 500, REFUSED);
  attempt(history, [1, 0], 500, REFUSED);
  attempt(history, [1, 2], 600, POSTED);
  attempt(history, [1, 1], 1_100, POSTED);
  const span = { from: 0, to: 1_000 };
  const inside = pathsSeen({ history }, SHARDS, insideOthers(0), span);
  expect(inside).toMatchObject({ posted: 2, pauseMs: 600, waitMsMax: 10, slowest: 'transfer in shard 1' });
  expect([...inside.errors]).toEqual([]);
  expect(pathsSeen({ history }, SHARDS, acrossOthers(0), span).posted).toBe(1);
  expect([...pathsSeen({ history }, SHARDS, touching(0), span).errors]).toEqual([['ledger_switching', 2]]);
});

test('a batch that also contains transfers on other paths does not count, because its answer waits for them', () => {
  const history = new Recording(10);
  attempt(history, [1, 1], 100, REFUSED, 'batch');
  attempt(history, [0, 0], 100, REFUSED, 'batch');
  const seen = pathsSeen({ history }, SHARDS, insideOthers(0), { from: 0, to: 1_000 });
  expect(seen).toMatchObject({ posted: 0, errors: new Map() });
});
