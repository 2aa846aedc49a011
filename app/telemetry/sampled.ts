export const SAMPLED = {
  requestsInFlight: ['requests_in_flight', 'Requests being handled'],
  eventListeners: ['event_listeners', 'Open streams of events'],
  eventFeedBehindSeconds: [
    'event_feed_behind_seconds',
    'Seconds since this pod last reached the end of the sealed log; 0 while there are no listeners',
  ],
  webhooksActive: ['webhooks_active', 'Webhooks of the ledger that are active'],
  webhooksStopped: ['webhooks_stopped', 'Webhooks of the ledger to which deliveries were given up'],
  webhooksHeld: ['webhooks_held', 'Webhooks to which this process delivers'],
  webhooksFailing: ['webhooks_failing', 'Webhooks to which the latest delivery by this process has failed'],
  webhookBehindSeconds: [
    'webhook_behind_seconds',
    'How long events have waited for delivery to the webhook that is furthest behind in this process',
  ],
  clientConnections: ['client_connections', 'Open client connections'],
  queueTransfers: ['queue_transfers', 'Transfers queued in this pod for a script call'],
  tailEntries: ['tail_entries', 'Journal entries in the memory of this pod that are not known to be in MySQL'],
  tailBytes: ['tail_bytes', 'Memory used by the tail of this pod, in bytes'],
  journalEntries: ['journal_entries', 'Journal entries that are not in MySQL yet'],
  journalAgeSeconds: ['journal_age_seconds', 'Age of the oldest journal entry that is not in MySQL yet'],
  accountsCached: ['accounts_cached', 'Accounts held in Redis'],
  holdsCached: ['holds_cached', 'Holds (reserved amounts) that are in Redis'],
  holdExpiryDelaySeconds: ['hold_expiry_delay_seconds', 'Seconds by which the oldest expiry of a hold is late'],
  clockOffsetSeconds: [
    'clock_offset_seconds',
    "Seconds by which this process's clock is ahead of the ledger's (Redis, or MySQL while it decides); negative: behind",
  ],
  searchBehindSeconds: [
    'search_behind_seconds',
    'Seconds since the search index last contained everything that was in the sealed log',
  ],
  frozenAccounts: ['frozen_accounts', 'Accounts that wait for the journal of an ended epoch'],
} as const;
export type Sampled = keyof typeof SAMPLED;
