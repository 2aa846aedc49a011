/** What the pods say of themselves at /metrics: one look, and what two looks differ by. */
import type { StackFile } from '../resilience-tests/harness/stack.ts';

/** Name with its labels, as it stands in the text → value. Of several processes of a role, the sum. */
export type Look = ReadonlyMap<string, number>;

const SAMPLE = /^([a-zA-Z_]\w*(?:\{[^}]*\})?) ([-+\d.eE]+)$/gm;

export async function look({ pods }: Pick<StackFile, 'pods'>, role: 'api' | 'keeper'): Promise<Look> {
  const sum = new Map<string, number>();
  for (const { url } of pods.filter((pod) => pod.role === role)) {
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const [, name = '', value] of text.matchAll(SAMPLE)) sum.set(name, (sum.get(name) ?? 0) + Number(value));
  }
  return sum;
}

/** What a counter, or all counters whose name begins so, have gained. */
export function gained(before: Look, after: Look, prefix: string): number {
  let sum = 0;
  for (const [name, value] of after) if (name.startsWith(prefix)) sum += value - (before.get(name) ?? 0);
  return sum;
}

/** A quantile of what a histogram gained, all its labels together, as exact as its buckets are: between two bounds, a line. */
export function quantileGained(before: Look, after: Look, histogram: string, share: number): number {
  const counts = new Map<number, number>();
  for (const [name, value] of after) {
    if (!name.startsWith(`${histogram}_bucket{`)) continue;
    const bound = /le="([^"]+)"/.exec(name)?.[1] ?? '';
    const upTo = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    counts.set(upTo, (counts.get(upTo) ?? 0) + value - (before.get(name) ?? 0));
  }
  const buckets = [...counts].sort(([a], [b]) => a - b);
  const wanted = share * (buckets.at(-1)?.[1] ?? 0);
  if (wanted === 0) return Number.NaN;
  let [floor, below] = [0, 0];
  for (const [bound, upTo] of buckets) {
    if (upTo >= wanted)
      return bound === Number.POSITIVE_INFINITY ? floor : floor + ((bound - floor) * (wanted - below)) / (upTo - below);
    [floor, below] = [bound, upTo];
  }
  return floor;
}
