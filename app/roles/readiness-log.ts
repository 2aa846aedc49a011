import type { Clock } from '../kernel/clock.ts';
import { FailureReport } from '../kernel/failure-report.ts';
import type { Logger } from '../kernel/log.ts';

const EVERY_MS = 1_000;

export interface ReadinessLogDependencies {
  readiness(): { ready: boolean; reasons: readonly string[] };
  clock: Clock;
  logger: Logger;
}

/** Logs what a pod waits for while it is not ready, at startup and later, until the signal aborts. */
export async function logReadiness(deps: ReadinessLogDependencies, stopped: AbortSignal): Promise<void> {
  const { readiness, clock, logger } = deps;
  const report = new FailureReport(clock, logger, 'not ready');
  let wasReady = false;
  // The first check is late, because there is nothing to report during a normal start.
  for (await clock.sleep(EVERY_MS, stopped); !stopped.aborted; await clock.sleep(EVERY_MS, stopped)) {
    const { ready, reasons } = readiness();
    if (!ready) report.failed({ reasons }, reasons.join());
    else if (!wasReady) logger.info({}, 'ready');
    if (ready) report.succeeded();
    wasReady = ready;
  }
}
