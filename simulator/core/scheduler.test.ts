import { expect, it } from 'vitest';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { SimProcess } from './sim-process.ts';

const stage = (rate = 1) => {
  const scheduler = new Scheduler();
  const process = new SimProcess('p', scheduler, new Random(1), { rate, offsetMs: 0 });
  const seen: string[] = [];
  const see = (what: string) => () => void seen.push(`${what} at ${Math.round(scheduler.nowMs)}`);
  return { scheduler, process, seen, see };
};

it('runs events in chronological order, and events of the same moment in the order in which they were planned', async () => {
  const { scheduler, seen, see } = stage();
  const random = new Random(7);
  const times = Array.from({ length: 200 }, () => random.whole(0, 20));
  for (const [index, at] of times.entries()) scheduler.at(at, () => void seen.push(`${at}:${index}`));
  scheduler.at(5, see('late')).cancelled = true;
  await scheduler.run(100);
  const wanted = times.map((at, index) => ({ at, index })).sort((a, b) => a.at - b.at || a.index - b.index);
  expect(seen).toEqual(wanted.map(({ at, index }) => `${at}:${index}`));
  expect(scheduler.nowMs).toBe(100);
});

it('completes all pending promise callbacks between two events', async () => {
  const { scheduler, seen } = stage();
  scheduler.at(1, () => {
    void (async () => {
      for (let turn = 0; turn < 50; turn++) await null;
      seen.push('first');
    })();
  });
  scheduler.at(1, () => void seen.push('second'));
  await scheduler.run(10);
  expect(seen).toEqual(['first', 'second']);
});

it('a paused process does nothing until it resumes, and an event that it then cancels does not run', async () => {
  const { scheduler, process, seen, see } = stage();
  process.after(10, () => {
    see('first')();
    cancel();
  });
  const cancel = process.after(20, see('cancelled'));
  void process.sleep(30).then(see('slept'));
  process.pause();
  scheduler.at(100, () => process.resume());
  await scheduler.run(200);
  expect(seen).toEqual(['first at 100', 'slept at 100']);
});

it('a killed process never does anything again, even if it was paused', async () => {
  const { scheduler, process, seen, see } = stage();
  process.after(10, see('early'));
  process.after(30, see('never'));
  scheduler.at(15, () => process.pause());
  scheduler.at(40, () => process.kill());
  scheduler.at(50, () => process.resume());
  await scheduler.run(200);
  expect(seen).toEqual(['early at 10']);
});

it('each clock runs at its own rate, and only the wall clock jumps', async () => {
  const { scheduler, process, seen, see } = stage(2);
  const wall = process.now();
  process.after(100, see('timer'));
  await scheduler.run(100);
  expect(seen).toEqual(['timer at 50']);
  expect(process.now() - wall).toBe(200);
  const before = process.monotonic();
  process.jump(-5_000);
  expect(process.now() - wall).toBe(-4_800);
  expect(process.monotonic()).toBe(before);
});

it('a sleep ends as soon as its signal is aborted', async () => {
  const { scheduler, process, seen, see } = stage();
  const stop = new AbortController();
  void process.sleep(1_000, stop.signal).then(see('woke'));
  scheduler.at(10, () => stop.abort());
  await scheduler.run(2_000);
  expect(seen).toEqual(['woke at 10']);
});
