import { answerIn, type Line, type TransferLine } from './lines.ts';

/** Figures about the answers that the clients got. All times are in ms. */
export interface LoadFigures {
  /** The number of transfers and reads. */
  requests: number;
  posted: number;
  /** The number of first attempts that failed: a transfer got no outcome, or a read got no balance. */
  failedFirst: number;
  /** These failures by answer and by kind of connection. */
  failures: Record<string, number>;
  /** The longest time without a success, and its beginning, in ms after `from`. */
  longestGapMs: number;
  longestGapAtMs: number;
  /** The longest time from the first attempt of a transfer to its outcome, for a client that retries. */
  longestWaitMs: number;
  /** Latencies of the first attempts that had an outcome. */
  p50Ms: number;
  p99Ms: number;
}

/**
 * Answers that count as outcomes. Rejections count, because the load causes them on purpose, or because they follow
 * from the state of an account.
 */
const OUTCOMES = new Set(['posted', 'rejected']);

const hasOutcome = (line: TransferLine): boolean => OUTCOMES.has(answerIn(line).kind);

/** @param from the beginning of the time under load, ms on the clock of the lines @param to its end */
export function figuresOf(lines: readonly Line[], from: number, to: number): LoadFigures {
  const failures = new Map<string, number>();
  const firsts = new Map<string, TransferLine>();
  const outcomeAt = new Map<string, number>();
  const successes: number[] = [];
  let reads = 0;
  for (const line of lines.toSorted((a, b) => a.sentAt - b.sentAt)) {
    if (line.sentAt < from || line.sentAt > to || line.kind === 'look-up') continue;
    if (line.kind === 'read') {
      reads += 1;
      if (line.status !== 200) count(failures, line);
      continue;
    }
    const first = firsts.get(line.id);
    if (first === undefined) firsts.set(line.id, line);
    const good = hasOutcome(line);
    if (first === undefined && !good) count(failures, line);
    if (!good) continue;
    if (!outcomeAt.has(line.id)) outcomeAt.set(line.id, line.endedAt);
    if (answerIn(line).kind === 'posted' && line.body?.['replayed'] !== true) successes.push(line.endedAt);
  }
  const waits = [...outcomeAt].map(([id, at]) => at - (firsts.get(id)?.sentAt ?? at));
  const latencies = [...firsts.values()].filter(hasOutcome).map(({ sentAt, endedAt }) => endedAt - sentAt);
  const gap = longestGap(successes, from, to);
  return {
    requests: firsts.size + reads,
    posted: successes.length,
    failedFirst: [...failures.values()].reduce((sum, one) => sum + one, 0),
    failures: Object.fromEntries(failures),
    longestGapMs: Math.round(gap.ms),
    longestGapAtMs: Math.round(gap.at - from),
    longestWaitMs: Math.round(waits.reduce((a, b) => Math.max(a, b), 0)),
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

function count(failures: Map<string, number>, { kind, via, status, body, error }: Line): void {
  const code = status === 0 ? (error ?? 'no answer') : `${status} ${String(body?.['code'] ?? '')}`.trim();
  const what = `${code} (${kind}, ${via === 'kept' ? 'kept-alive' : 'fresh'} connection)`;
  failures.set(what, (failures.get(what) ?? 0) + 1);
}

function longestGap(moments: readonly number[], from: number, to: number): { ms: number; at: number } {
  let longest = { ms: 0, at: from };
  let last = from;
  for (const at of [...moments.toSorted((a, b) => a - b).filter((one) => one < to), to]) {
    if (at - last > longest.ms) longest = { ms: at - last, at: last };
    last = at;
  }
  return longest;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 10) / 10;
}

/** Posted transfers in each second after `from`. */
export function successesPerSecond(lines: readonly Line[], from: number, to: number): number[] {
  const seconds = Array.from({ length: Math.max(0, Math.floor((to - from) / 1000)) }, () => 0);
  for (const line of lines) {
    if (line.kind !== 'transfer' || !hasOutcome(line)) continue;
    const second = Math.floor((line.endedAt - from) / 1000);
    if (second >= 0 && second < seconds.length) seconds[second] = (seconds[second] ?? 0) + 1;
  }
  return seconds;
}
