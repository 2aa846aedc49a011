import type { ApiServer } from './api-server.ts';
import { isReady, podsOf } from './pods.ts';
import type { Release } from './release.ts';
import { now, sleep } from './wait.ts';

export interface Spread {
  /** Transfers per second of each pod. */
  perSecond: number[];
  /** The greatest deviation from the mean, as a share of the mean. */
  deviation: number;
}

const WINDOW_MS = 30_000;
const SCRIPT = `fetch('http://127.0.0.1:9090/metrics').then((r) => r.text()).then((text) =>
  console.log([...text.matchAll(/^holdfast_transfers_total\\{.*\\} (\\S+)$/gm)].reduce((sum, m) => sum + Number(m[1]), 0)))`;

/** Measures how the load is spread over the pods, from the pods' own counts over half a minute. */
export async function spreadOf(api: ApiServer, release: Release): Promise<Spread> {
  const names = (await podsOf(api, release, 'api')).filter(isReady).map(({ metadata }) => metadata.name);
  const counts = () => names.map((name) => ({ at: now(), count: countOf(api, name) }));
  const before = counts();
  await sleep(WINDOW_MS);
  const rates = counts().map(({ at, count }, index) => {
    const first = before[index];
    return first ? ((count - first.count) * 1000) / (at - first.at) : 0;
  });
  const mean = rates.reduce((a, b) => a + b, 0) / rates.length;
  const deviation = Math.max(...rates.map((rate) => Math.abs(rate / mean - 1)));
  return { perSecond: rates.map((rate) => Math.round(rate * 10) / 10), deviation };
}

/** Reads the count inside the pod, because a network policy may block connections to its metrics. */
function countOf(api: ApiServer, name: string): number {
  return Number(api.kubectl('exec', name, '--container=api', '--', 'node', '--eval', SCRIPT));
}
