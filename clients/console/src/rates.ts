/** The answer of `GET /v1/ops/live`. */
export interface LiveReport {
  at: string;
  processId: string;
  transferRequests: readonly { leSeconds: number | null; count: number }[];
  shards: readonly LiveShard[];
}
export interface LiveShard {
  shard: number;
  mode: string | null;
  epoch: number | null;
  stopped: boolean;
  open: boolean;
  seq: number | null;
  cursor: number | null;
  oldestUnflushedMs: number;
  queuedTransfers: number;
  complaints: readonly string[];
}

/** One point of the charts. Values are null where nothing is known. */
export interface Sample {
  /** Seconds since 1970. */
  at: number;
  outcomesPerSecond: number | null;
  requestsPerSecond: number | null;
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  lagMs: number;
}

const secondsOf = ({ at }: LiveReport): number => Date.parse(at) / 1000;

/** What happened between two reports. Reports of different processes have nothing in common but the journal. */
export function sampleBetween(before: LiveReport | null, after: LiveReport): Sample {
  const seconds = before ? secondsOf(after) - secondsOf(before) : 0;
  const isSamePod = before?.processId === after.processId && seconds > 0;
  const requests = isSamePod && before ? newRequests(before, after) : [];
  const total = requests.at(-1)?.count ?? 0;
  return {
    at: secondsOf(after),
    outcomesPerSecond: before && seconds > 0 ? outcomesBetween(before, after, seconds) : null,
    requestsPerSecond: isSamePod ? total / seconds : null,
    p50Ms: quantileMs(requests, 0.5),
    p95Ms: quantileMs(requests, 0.95),
    p99Ms: quantileMs(requests, 0.99),
    lagMs: Math.max(0, ...after.shards.map(({ oldestUnflushedMs }) => oldestUnflushedMs)),
  };
}

/** Outcomes of all pods, by the seq of the journal; null while a shard has none, or after its epoch has changed. */
function outcomesBetween(before: LiveReport, after: LiveReport, seconds: number): number | null {
  let outcomes = 0;
  for (const shard of after.shards) {
    const old = before.shards.find((one) => one.shard === shard.shard);
    if (!old || old.epoch !== shard.epoch || old.seq === null || shard.seq === null) return null;
    outcomes += Math.max(0, shard.seq - old.seq);
  }
  return outcomes / seconds;
}

type Buckets = LiveReport['transferRequests'];

/** The requests between two reports, cumulative by duration. */
function newRequests(before: LiveReport, after: LiveReport): Buckets {
  const old = new Map(before.transferRequests.map(({ leSeconds, count }) => [leSeconds, count]));
  return after.transferRequests.map(({ leSeconds, count }) => ({
    leSeconds,
    count: Math.max(0, count - (old.get(leSeconds) ?? 0)),
  }));
}

/** A quantile, interpolated within its bucket like PromQL's `histogram_quantile`; null if there were no requests. */
export function quantileMs(buckets: Buckets, quantile: number): number | null {
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0) return null;
  const rank = quantile * total;
  let [low, lowCount] = [0, 0];
  for (const { leSeconds, count } of buckets) {
    if (count >= rank) {
      if (leSeconds === null) return low * 1000;
      const share = count === lowCount ? 1 : (rank - lowCount) / (count - lowCount);
      return (low + (leSeconds - low) * share) * 1000;
    }
    [low, lowCount] = [leSeconds ?? low, count];
  }
  return low * 1000;
}
