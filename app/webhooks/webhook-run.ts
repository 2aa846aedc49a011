import { Problem } from '../domain/problem.ts';
import type { Clock } from '../kernel/clock.ts';
import { FailureReport } from '../kernel/failure-report.ts';
import type { Logger } from '../kernel/log.ts';
import { backoffMs } from '../kernel/retry.ts';
import type { FeedFilter, FeedPosition } from '../ledger/ports/feed.ts';
import { formatPosition, parsePosition } from '../ledger/ports/feed-position.ts';
import type { Attempt, LeasedWebhook, WebhookLeases } from '../ledger/ports/webhook-leases.ts';
import type { Delivery, StopReason } from '../ledger/ports/webhooks.ts';
import { batchOf, messageIdOf, signedMessage, testEvent } from './message.ts';
import { retryInMs } from './retry-plan.ts';
import type { WebhookLog, WebhookPage } from './webhook-log.ts';
import type { SendResult, WebhookSender } from './webhook-sender.ts';

/** The size of one request. The characters bound the memory of all requests together. */
const BATCH_MAX = { events: 100, characters: 256 * 1024 };
const PAUSE_MS = 250;
const DOUBLINGS_MAX = 6;
/** How often the position is stored while no event is wanted, ms. */
const SKIP_EVERY_MS = 15_000;
/**
 * Time that may pass between the check of the lease and the end of the request, in addition to the request itself, ms.
 */
const LEASE_MARGIN_MS = 5_000;

export interface RunDependencies {
  leases: WebhookLeases;
  log: Pick<WebhookLog, 'begin' | 'page' | 'changed' | 'shards'>;
  sender: Pick<WebhookSender, 'send'>;
  clock: Clock;
  logger: Logger;
  holder: string;
  ledgerId(): Promise<string>;
  /** The time of MySQL, ms since 1970: receivers check the time of a request. */
  now(): number;
  requestTimeoutMs: number;
  /** How long a webhook may fail before deliveries are stopped, ms. */
  retryForMs: number;
  /** Aborts requests in progress. */
  cut: AbortSignal;
  onAttempt(kind: Delivery['kind'], events: number, result: SendResult): void;
}

type Outcome = Pick<Delivery, 'kind' | 'events' | 'from' | 'to' | 'messageId'>;

/** Delivers to one webhook while this process has its lease: one request at a time, in order. */
export class WebhookRun {
  readonly #deps: RunDependencies;
  readonly #report: FailureReport;
  #webhook: LeasedWebhook;
  #position: FeedPosition | null = null;
  #storedPosition: string;
  #storedAtMs: number;
  #validUntilMs: number;
  #retryAtMs = 0;
  #failingSinceMs = 0;
  #caughtUpAtMs: number;
  #isStale = false;
  #stopFor: StopReason | null;
  #ended = false;
  #waiting = new AbortController();

  /** @param stopFor if not null, the reason to stop before the first delivery */
  constructor(webhook: LeasedWebhook, validUntilMs: number, stopFor: StopReason | null, deps: RunDependencies) {
    const now = deps.clock.monotonic();
    this.#deps = deps;
    this.#report = new FailureReport(deps.clock, deps.logger, 'deliveries to a webhook are delayed');
    this.#webhook = webhook;
    this.#storedPosition = webhook.position;
    this.#storedAtMs = now;
    this.#caughtUpAtMs = now;
    this.#validUntilMs = validUntilMs;
    this.#stopFor = stopFor;
    this.#take(webhook);
  }

  get fence(): number {
    return this.#webhook.fence;
  }
  get revision(): number {
    return this.#webhook.revision;
  }
  get isFailing(): boolean {
    return this.#webhook.failures > 0;
  }
  /** How long the webhook has had something to deliver, ms; 0 if everything has been delivered. */
  get behindMs(): number {
    return this.#caughtUpAtMs === 0 ? 0 : this.#deps.clock.monotonic() - this.#caughtUpAtMs;
  }

  renewed(validUntilMs: number): void {
    this.#validUntilMs = validUntilMs;
  }
  /** Called when a user has changed the webhook. */
  reload(): void {
    this.#isStale = true;
    this.#waiting.abort();
  }
  stopFor(reason: StopReason): void {
    this.#stopFor ??= reason;
    this.#waiting.abort();
  }
  /** Ends deliveries after the request in progress. */
  end(): void {
    this.#ended = true;
    this.#waiting.abort();
  }

  async run(): Promise<void> {
    const { clock } = this.#deps;
    for (let failures = 0; !this.#ended; ) {
      this.#waiting = new AbortController();
      try {
        await this.#step();
        failures = 0;
        this.#report.succeeded();
      } catch (error) {
        this.#report.failed({ err: error, webhookId: this.#webhook.webhookId }, String(error));
        await clock.sleep(backoffMs(Math.min(failures++, DOUBLINGS_MAX), PAUSE_MS, clock), this.#waiting.signal);
      }
    }
    await this.#storeSkipped(0).catch(() => {});
  }

  async #step(): Promise<void> {
    const { clock } = this.#deps;
    if (this.#isStale) return this.#reread();
    if (this.#hasOldSecret()) return this.#rereadSecrets();
    if (this.#stopFor !== null) return this.#stop(this.#stopFor);
    if (this.#webhook.testId !== null) return this.#test(this.#webhook.testId);
    if (this.#webhook.state !== 'ACTIVE') return this.end();
    if (this.#webhook.secrets === null) return this.#stop('secret_unreadable');
    const position = await this.#begun();
    if (position === null) return;
    const waitMs = this.#retryAtMs - clock.monotonic();
    if (waitMs > 0) return clock.sleep(waitMs, this.#waiting.signal);
    const page = await this.#page(position);
    if (page === null) return;
    if (page.events.length > 0) return this.#deliver(position, page);
    this.#position = page.next;
    if (page.isPartial) return clock.sleep(PAUSE_MS, this.#waiting.signal);
    if (!page.caughtUp) return;
    this.#caughtUpAtMs = 0;
    await this.#storeSkipped(SKIP_EVERY_MS);
    await this.#deps.log.changed(page.next, this.#waiting.signal);
  }

  /** Whether the overlap of two secrets has passed, so that no request may be signed with the old one anymore. */
  #hasOldSecret(): boolean {
    const { secretsUntil } = this.#webhook;
    return secretsUntil !== null && this.#deps.now() >= secretsUntil;
  }

  async #rereadSecrets(): Promise<void> {
    await this.#reread();
    // By MySQL's clock, the old secret may still be valid for a moment.
    if (this.#hasOldSecret()) await this.#deps.clock.sleep(PAUSE_MS, this.#waiting.signal);
  }

  async #reread(): Promise<void> {
    const { leases, holder } = this.#deps;
    this.#isStale = false;
    const webhook = await leases.read(this.#webhook, holder).catch((error: unknown) => {
      this.#isStale = true;
      throw error;
    });
    if (!webhook) return this.end();
    // The position in memory, which may be past skipped events, is kept unless a user has chosen another position or
    // other events.
    if (webhook.position !== this.#storedPosition || webhook.revision !== this.#webhook.revision) this.#position = null;
    this.#storedPosition = webhook.position;
    this.#take(webhook);
  }

  #take(webhook: LeasedWebhook): void {
    const now = this.#deps.clock.monotonic();
    this.#webhook = webhook;
    this.#retryAtMs = now + webhook.waitMs;
    this.#failingSinceMs = now - webhook.failingForMs;
  }

  /** The position at which to continue, after a check; null if deliveries were stopped. */
  async #begun(): Promise<FeedPosition | null> {
    const { log } = this.#deps;
    if (this.#position !== null) return this.#position;
    try {
      this.#position = await log.begin(parsePosition(this.#webhook.position, log.shards));
      return this.#position;
    } catch (error) {
      const reason = reasonIn(error);
      if (reason === null) throw error;
      await this.#stop(reason);
      return null;
    }
  }

  async #page(position: FeedPosition): Promise<WebhookPage | null> {
    try {
      return await this.#deps.log.page(position, filterOf(this.#webhook), BATCH_MAX);
    } catch (error) {
      const reason = reasonIn(error);
      if (reason === null) throw error;
      await this.#stop(reason);
      return null;
    }
  }

  async #deliver(position: FeedPosition, { events, next, caughtUp }: WebhookPage): Promise<void> {
    const { clock, leases } = this.#deps;
    if (this.#caughtUpAtMs === 0) this.#caughtUpAtMs = clock.monotonic();
    const body = batchOf(events);
    const messageId = messageIdOf(this.#webhook.webhookId, body);
    const [from, to] = [formatPosition(position), formatPosition(next)];
    const outcome: Outcome = { kind: 'events', events: events.length, from, to, messageId };
    const result = await this.#send(body, outcome);
    if (result === null) return;
    const failures = result.failure === null ? 0 : this.#webhook.failures + 1;
    const retryMs = failures === 0 ? null : retryInMs(failures, result, clock);
    const attempt = this.#attemptOf(outcome, result, retryMs);
    if (!(await this.#recorded(() => leases.recordEvents(this.#webhook, attempt)))) return this.reload();
    this.#counted(attempt);
    if (retryMs === null) {
      this.#position = next;
      this.#storedPosition = to;
      if (caughtUp) this.#caughtUpAtMs = 0;
      return;
    }
    if (failures === 1) this.#failingSinceMs = clock.monotonic();
    this.#retryAtMs = clock.monotonic() + retryMs;
    if (result.status === 410) return this.#stop('gone');
    if (clock.monotonic() - this.#failingSinceMs >= this.#deps.retryForMs) await this.#stop('failing');
  }

  async #test(testId: string): Promise<void> {
    const { leases, ledgerId, now } = this.#deps;
    const { webhookId, position } = this.#webhook;
    const body = batchOf([testEvent(testId, await ledgerId(), webhookId, now())]);
    const outcome: Outcome = {
      kind: 'test',
      events: 1,
      from: position,
      to: position,
      messageId: messageIdOf(webhookId, body),
    };
    const result = this.#webhook.secrets === null ? UNREADABLE : await this.#send(body, outcome);
    if (result === null) return;
    const attempt = this.#attemptOf(outcome, result, null);
    if (!(await this.#recorded(() => leases.recordTest(this.#webhook, testId, attempt)))) return this.reload();
    this.#counted(attempt);
    this.#webhook = { ...this.#webhook, testId: null };
  }

  /** Returns null if the request was not sent, or was aborted by this process: this does not count as an attempt. */
  async #send(body: string, { kind, events, messageId }: Outcome): Promise<SendResult | null> {
    const { clock, cut, holder, leases, sender, now, onAttempt, requestTimeoutMs } = this.#deps;
    // Another process could take over before the request ends.
    if (this.#validUntilMs - clock.monotonic() < requestTimeoutMs + LEASE_MARGIN_MS) {
      await clock.sleep(PAUSE_MS, this.#waiting.signal);
      return null;
    }
    // Nothing is sent to an address, or with a secret, that a user has replaced in the meantime.
    if (!(await leases.isCurrent(this.#webhook, holder))) {
      this.reload();
      return null;
    }
    const { url, secrets } = this.#webhook;
    const message = signedMessage({ url, secrets: secrets ?? [], messageId, body, nowMs: now() });
    const result = await sender.send(message, cut);
    if (cut.aborted && result.failure !== null) return null;
    onAttempt(kind, events, result);
    return result;
  }

  /** Records what was delivered before anything else is sent, however long MySQL is unavailable. */
  async #recorded(record: () => Promise<boolean>): Promise<boolean> {
    const { clock, cut } = this.#deps;
    for (let failures = 0; ; failures++) {
      try {
        return await record();
      } catch (error) {
        if (cut.aborted || !(error instanceof Problem)) throw error;
        this.#report.failed({ err: error, webhookId: this.#webhook.webhookId }, String(error));
        await clock.sleep(backoffMs(Math.min(failures, DOUBLINGS_MAX), PAUSE_MS, clock), cut);
      }
    }
  }

  #attemptOf(outcome: Outcome, { status, failure, durationMs }: SendResult, retryMs: number | null): Attempt {
    const { succeeded, failed } = this.#webhook;
    const delivery = { ...outcome, status, failure, durationMs, at: this.#deps.now(), attempt: succeeded + failed + 1 };
    return { delivery, count: (failure === null ? succeeded : failed) + 1, retryInMs: retryMs };
  }

  #counted({ delivery, count }: Attempt): void {
    const isEvents = delivery.kind === 'events';
    if (delivery.failure === null)
      this.#webhook = { ...this.#webhook, succeeded: count, ...(isEvents && { failures: 0 }) };
    else this.#webhook = { ...this.#webhook, failed: count, failures: this.#webhook.failures + (isEvents ? 1 : 0) };
  }

  async #stop(reason: StopReason): Promise<void> {
    const { leases, logger } = this.#deps;
    const { webhookId, state } = this.#webhook;
    this.#stopFor = null;
    if (state !== 'ACTIVE') return;
    if (!(await leases.stop(this.#webhook, reason))) return this.reload();
    logger.error({ webhookId, reason }, 'deliveries to a webhook were stopped');
    this.end();
  }

  async #storeSkipped(everyMs: number): Promise<void> {
    const { clock, leases } = this.#deps;
    const position = this.#position === null ? this.#storedPosition : formatPosition(this.#position);
    if (position === this.#storedPosition || clock.monotonic() - this.#storedAtMs < everyMs) return;
    if (!(await leases.skip(this.#webhook, position))) return this.reload();
    this.#storedPosition = position;
    this.#storedAtMs = clock.monotonic();
  }
}

const UNREADABLE: SendResult = { status: null, failure: 'not_connected', durationMs: 0, retryAfterMs: null };

const filterOf = ({ accounts, types, details, accountPrefixes }: LeasedWebhook): FeedFilter => ({
  accounts: accounts && new Set(accounts),
  types: types && new Set(types),
  details,
  prefixes: accountPrefixes,
});

/** Why a position can no longer be used; null for other errors. */
function reasonIn(error: unknown): StopReason | null {
  if (!(error instanceof Problem)) return null;
  if (error.code === 'events_gone') return 'events_gone';
  return error.code === 'validation_failed' ? 'other_log' : null;
}
