import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config/config.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import type { CourierTiming } from '../shards/courier.ts';
import { linesTo } from '../telemetry/lines.ts';
import { type AppLogger, createLogger } from '../telemetry/logger.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { startTracing } from '../telemetry/tracing.ts';
import { MysqlPools } from './mysql-pools.ts';
import { createShard, type ProcessParts, type ShardContext } from './shard-context.ts';

const STDOUT = 1;

/** The components that all roles have. They are created once, in order, and disposed of in reverse order. */
export interface Context extends ProcessParts, AsyncDisposable {
  logger: AppLogger;
  /** One for each shard, in order. */
  shards: readonly ShardContext[];
  /** The timing of the courier; tests may make it faster. */
  courierTiming?: CourierTiming;
}

export function newProcessId(): string {
  return `${hostname()
    .replace(/[^A-Za-z0-9.-]/g, '-')
    .slice(0, 40)}:${randomBytes(6).toString('hex')}`;
}

/** @param loggerOf replaces the log, for tests; its argument is null for the process itself */
export async function createContext(
  config: Config,
  clock: Clock = systemClock,
  loggerOf?: (shard: number | null) => AppLogger,
): Promise<Context> {
  const processId = newProcessId();
  const metrics = new Metrics();
  const { role } = config.process;
  const { shards } = config.ledger;
  const log = loggerOf ?? loggersTo(metrics, config, { role, processId });
  const logger = log(null);
  const started = await startTracing(config.telemetry, { role, instanceId: processId }, logger.log);
  const tracing = config.telemetry.otlpEndpoint === null ? null : started;
  const parts = { config, clock, processId, metrics, tracing, ledger: { id: null } };
  const pools = new MysqlPools(config);
  const contexts = Array.from({ length: shards }, (_, shard) =>
    createShard(parts, shard, pools, shards === 1 ? logger : log(shard)),
  );
  return {
    ...parts,
    logger,
    shards: contexts,
    async [Symbol.asyncDispose]() {
      for (const shard of contexts) shard[Symbol.dispose]();
      await pools[Symbol.asyncDispose]();
      await started[Symbol.asyncDispose]();
    },
  };
}

/** Creates logs that share one buffer; the lines of a shard contain its number. */
function loggersTo(metrics: Metrics, { telemetry }: Config, names: { role: string; processId: string }) {
  const lines = linesTo(STDOUT, (count) => metrics.logLinesDropped(count));
  return (shard: number | null): AppLogger => {
    const base = { service: 'holdfast', ...names, ...(shard !== null && { shard }) };
    return createLogger(telemetry.logLevel, base, lines);
  };
}
