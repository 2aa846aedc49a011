import { expect, it } from 'vitest';
import type { Authority } from '../../domain/authority.ts';
import { modelEpoch } from '../../journal/testing/epoch-under-test.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { ACCOUNTS, Bench } from '../../sync/testing/flusher-bench.ts';
import type { EpochRecoveryStore } from '../authority-ports.ts';
import { EpochRecovery } from './epoch-recovery.ts';

const CLOSING: Authority = {
  epoch: 1,
  mode: 'CLOSING',
  format: 1,
  cacheFormat: 1,
  cacheEpoch: 1,
  redisNode: '',
  replid: 'r',
  marker: 'm',
  highestKnownSeq: null,
  stops: 0,
  ageMs: 0,
};

it('the flush of a long journal pauses every few seconds to log its progress, and then continues', async () => {
  const b = new Bench(await modelEpoch(ACCOUNTS), { batchMax: 50 });
  const log = keptLog();
  for (let n = 0; n < 5; n++) await b.post(50);
  b.store.before = async () => b.clock.advance(3_000);
  const recovery = new EpochRecovery({
    recoveryStore: {} as EpochRecoveryStore,
    cache: b.epoch.cache,
    flusher: b.flusher,
    cursor: () => b.store.cursor(),
    clock: b.clock,
    logger: log,
  });
  const answers: (number | null)[] = [];
  do answers.push(await recovery.byFlushing(CLOSING, b.epoch.keeper));
  while (answers.at(-1) === null);
  expect(answers).toEqual([null, null, 250]);
  expect(log.lines).toEqual(
    [100, 200].map((position) => ({
      level: 'info',
      fields: { cacheEpoch: 1, phase: 'flushing', position, bound: 250 },
      message: 'the epoch is being recovered',
    })),
  );
});
