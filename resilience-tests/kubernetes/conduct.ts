import { randomBytes } from 'node:crypto';
import { kubectl } from '../../devstack/cluster/commands.ts';
import type { Books } from '../../verification/checker/books.ts';
import { check, type Verdict } from '../../verification/checker/check.ts';
import { smallTown } from '../../verification/load/population.ts';
import { isReady, podsOf } from './cluster/pods.ts';
import { type Sample, Sampler } from './cluster/sampler.ts';
import { Scaling } from './cluster/scaling.ts';
import { now, sleep } from './cluster/wait.ts';
import type { Experiment, Ground, Scene } from './experiment.ts';
import { chooseVictim } from './experiments/nodes.ts';
import { booksScript } from './load/bundle.ts';
import { figuresOf, type LoadFigures, successesPerSecond } from './load/figures.ts';
import { historyOf } from './load/lines.ts';
import { LoadPod } from './load/pod.ts';

const BEFORE_MS = 10_000;
const AFTER_MS = 10_000;

export interface Result {
  name: string;
  expectation: string;
  generator: 'k6' | 'recorder';
  rate: number;
  seconds: number;
  load: LoadFigures;
  verdict: Verdict;
  /** The service's own reconciliation. */
  reconciled: boolean;
  measured: [what: string, ms: number | null][];
  timeline: [what: string, seconds: number][];
  notes: string[];
  wrongs: string[];
  samples: Sample[];
  successes: number[];
  passed: boolean;
}

/** Steady load, the experiment, and the verdict on the books. */
export async function conduct(experiment: Experiment, ground: Ground, k6Image: string | null): Promise<Result> {
  const { api, release, options } = ground;
  const { name, expectation } = experiment;
  const prefix = `${name}-${randomBytes(3).toString('hex')}:`;
  await using scaling = new Scaling(api, release);
  if (!experiment.scales) await scaling.untilSteady(scaling.replicas);
  const victim = experiment.breaksNode ? await chooseVictim(ground) : '';
  const load = await LoadPod.start(api, release, { prefix, k6Image, notOn: victim === '' ? [] : [victim] });
  const remove = () => load.remove();
  // A signal that ends this process must end the load, too.
  process.once('exit', remove);
  const measured: Result['measured'] = [];
  const moments: [string, number][] = [];
  const notes: string[] = [];
  const wrongs: string[] = [];
  const scene: Scene = {
    ...ground,
    load,
    victim,
    note: (text) => notes.push(text),
    measure: (what, ms) => measured.push([what, ms === null ? null : Math.round(ms)]),
    mark(what) {
      const at = now();
      moments.push([what, at]);
      return at;
    },
    wrong: (text) => wrongs.push(text),
  };
  try {
    const sampler = new Sampler(ground);
    load.set({ rate: options.rate, stop: false });
    const from = now();
    await sleep(BEFORE_MS);
    await experiment.run(scene);
    await sleep(AFTER_MS);
    const to = now();
    const samples = await sampler.stop();
    const { done, lines } = await load.finish();
    if (done.late > 0) notes.push(`${done.late} requests were sent late`);
    const figures = figuresOf(lines, from, to);
    const books = await readBooks(ground, prefix);
    const verdict = check(historyOf(lines, smallTown(prefix).accounts), books);
    wrongs.push(...broken(experiment, figures));
    if (!done.clean) wrongs.push(`the reconciliation found drift: ${JSON.stringify(done.report).slice(0, 300)}`);
    return {
      ...{ name, expectation, generator: k6Image === null ? 'recorder' : 'k6', rate: options.rate },
      ...{
        seconds: (to - from) / 1000,
        load: figures,
        verdict,
        reconciled: done.clean,
        measured,
        notes,
        wrongs,
        samples,
      },
      timeline: moments.map(([what, at]) => [what, (at - from) / 1000]),
      successes: successesPerSecond(lines, from, to),
      passed: verdict.verdict === 'valid' && done.clean && wrongs.length === 0,
    };
  } finally {
    process.off('exit', remove);
    load.remove();
  }
}

function broken({ failedFirstMax, waitMsMax }: Experiment, { failedFirst, longestWaitMs }: LoadFigures): string[] {
  const found: string[] = [];
  if (failedFirstMax !== undefined && failedFirst > failedFirstMax)
    found.push(`${failedFirst} first attempts failed, at most ${failedFirstMax} expected`);
  if (waitMsMax !== undefined && longestWaitMs > waitMsMax)
    found.push(`a client waited ${longestWaitMs} ms for an outcome, at most ${waitMsMax} ms expected`);
  return found;
}

/** Read in an API pod, because other pods may not connect to MySQL. */
async function readBooks({ api, release }: Ground, prefix: string): Promise<Books> {
  const pod = (await podsOf(api, release, 'api')).find(isReady);
  if (pod === undefined) throw new Error('no API pod is ready to read the books');
  const script = await booksScript({ prefix, key: release.key });
  const exec = ['exec', '--stdin', pod.metadata.name, '--container=api', '--', 'node', '--input-type=module', '-'];
  const books = JSON.parse(kubectl(['--namespace', api.namespace, ...exec], script));
  const sums = Object.entries(books.sums as Record<string, string>).map(([currency, sum]) => [currency, BigInt(sum)]);
  return { ...books, sums: Object.fromEntries(sums) };
}
