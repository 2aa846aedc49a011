import { MetricSet } from './metric-set.ts';

const REQUEST_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15];

/** The metrics of a deliverer of webhooks. They have no label for the webhook, because users can create any number. */
export class WebhookMetrics extends MetricSet {
  readonly #attempts = this.counter('webhook_attempts_total', 'Requests to webhooks, by kind and result', [
    'kind',
    'result',
  ]);
  readonly #events = this.counter('webhook_events_total', 'Events that receivers of webhooks have accepted');
  readonly #seconds = this.histogram('webhook_request_seconds', 'Duration of a request to a webhook', REQUEST_SECONDS);

  /** `kind` and `failure` are constants in the code. @param failure null if the receiver has accepted the events */
  attempted(kind: 'events' | 'test', events: number, failure: string | null, seconds: number): void {
    this.#attempts.inc({ kind, result: failure ?? 'accepted' });
    if (failure === null && kind === 'events') this.#events.inc(events);
    this.#seconds.observe(seconds);
  }
}
