import { FailureReport } from '../kernel/failure-report.ts';
import type { ShardContext } from './shard-context.ts';

interface Repetition {
  /** The pause between two steps. */
  everyMs: number;
  /** The log message for steps that fail. */
  failure: string;
  stopped: AbortSignal;
}

/** Repeats a step until `stopped` aborts, whether the step succeeds or fails. */
export async function repeat(
  { clock, logger }: ShardContext,
  { everyMs, failure, stopped }: Repetition,
  step: () => Promise<void>,
): Promise<void> {
  const report = new FailureReport(clock, logger.log, failure);
  while (!stopped.aborted) {
    try {
      await step();
      report.succeeded();
    } catch (error) {
      report.failedWith(error);
    }
    await clock.sleep(everyMs, stopped);
  }
}
