/**
 * Time settings of a simulated system, ms: the real ones, shortened, so that a run of half a minute contains many
 * switches.
 */
export const TIMES = {
  connectTimeoutMs: 400,
  commandTimeoutMs: 500,
  queryTimeoutMs: 1_200,
  requestTimeoutMs: 3_000,
  clientPatienceMs: 4_500,
  heartbeatMs: 400,
  closedAfterMs: 3_000,
  retireAfterMs: 1_500,
  renewIdAfterMs: 1_500,
  lostAfterMs: 700,
  lostByPodsAfterMs: 2_000,
  steadyAfterMs: 500,
  stepMs: 100,
  housekeepingMs: 375,
  gatherMs: 60,
  expiryMs: 300,
  expiryLeaseMs: 1_500,
} as const;

export const LEDGER_LIMITS = {
  requestTimeoutMs: TIMES.requestTimeoutMs,
  queueTransfersMax: 1_000,
  databaseWaitRequestsMax: 500,
  applyBatchMax: 5,
  applyCallsInFlightMax: 2,
  secondCallTransfersMin: 1,
  backlogEntriesMax: 10_000,
  backlogAgeMaxMs: 600_000,
  tailBytesMax: 100_000_000,
} as const;

export const FLUSH_LIMITS = {
  batchMax: 8,
  charsMax: 1_000_000,
  gatherMs: TIMES.gatherMs,
  retryBaseMs: 50,
  retryMaxMs: 500,
  alertAfterFailures: 1_000_000,
} as const;
