/** Reads a sample of the pods' /metrics, and computes the difference between two samples. */
import type { StackFile } from '../verification/harness/stack.ts';

/** The values by name and labels, as they are written in the text; for several processes of a role, their sum. */
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

/** The increase of a counter, or of all counters whose names have this prefix. */
export function gained(before: Look, after: Look, prefix: string): number {
  let sum = 0;
  for (const [name, value] of after) if (name.startsWith(prefix)) sum += value - (before.get(name) ?? 0);
  return sum;
}

/**
 * A quantile of a histogram's increase over all labels, as exact as its buckets: interpolated linearly between two
 * bounds.
 */
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
