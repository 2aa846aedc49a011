import type { Delivery, StopReason, WebhookSettings, WebhookState } from './webhooks.ts';

/** The right to deliver to a webhook, until it expires. */
export interface WebhookLease {
  readonly webhookId: string;
  /** Increases with each new holder: what an earlier holder writes has no effect. */
  readonly fence: number;
  /** Increases with each change by users: what is written about an earlier state has no effect. */
  readonly revision: number;
}

/** A webhook, as seen by the deliverer that has its lease. */
export interface LeasedWebhook extends WebhookLease, WebhookSettings {
  readonly accountPrefixes: readonly string[] | null;
  readonly state: WebhookState;
  readonly position: string;
  /** The valid secrets, newest first; null if one of them cannot be decrypted. */
  readonly secrets: readonly string[] | null;
  /** When the next of these secrets expires, ms since 1970 by MySQL's clock; null: none expires. */
  readonly secretsUntil: number | null;
  /** How long the next attempt has to wait, ms. */
  readonly waitMs: number;
  /** The number of attempts that have failed since the last success, and since when, ms. */
  readonly failures: number;
  readonly failingForMs: number;
  readonly succeeded: number;
  readonly failed: number;
  /** The id of a test event to send; null if there is none. */
  readonly testId: string | null;
}

/** The part of a webhook's state that tells a deliverer whether to act. */
export interface WebhookGlance extends WebhookLease {
  readonly state: WebhookState;
  readonly isMine: boolean;
  /** Whether there is something to deliver, and nobody has the lease. */
  readonly isFree: boolean;
  /** Whether the key with which it was created or resumed is revoked. */
  readonly isKeyRevoked: boolean;
}

/** The result of one attempt. `count` is the number of attempts with this outcome so far, including this one. */
export interface Attempt {
  readonly delivery: Delivery;
  readonly count: number;
  /** Null: there will be no further attempt. */
  readonly retryInMs: number | null;
}

/** The leases of webhooks in MySQL. All methods throw Problem database_unavailable. */
export interface WebhookLeases {
  /** All webhooks, and MySQL's time, ms since 1970. */
  glance(holder: string): Promise<{ now: number; webhooks: WebhookGlance[] }>;
  /** Null if another process was faster, or there is nothing left to deliver. */
  take(webhookId: string, holder: string, leaseMs: number): Promise<LeasedWebhook | null>;
  /** Rereads a webhook whose lease this holder has; null if the lease is lost, or the webhook was deleted. */
  read(lease: WebhookLease, holder: string): Promise<LeasedWebhook | null>;
  /** Whether the holder still has the lease, and nothing has changed. */
  isCurrent(lease: WebhookLease, holder: string): Promise<boolean>;
  renew(holder: string, leaseMs: number): Promise<void>;
  release(holder: string, webhookIds?: readonly string[]): Promise<void>;
  /**
   * Records an attempt to deliver events, and moves the position after a success.
   * @returns false if the lease is lost, or the webhook has changed; then nothing was recorded
   */
  recordEvents(lease: WebhookLease, attempt: Attempt): Promise<boolean>;
  /** Records the attempt to send the test event, and clears the request for it. */
  recordTest(lease: WebhookLease, testId: string, attempt: Attempt): Promise<boolean>;
  /** Moves the position past entries that the webhook does not get. */
  skip(lease: WebhookLease, position: string): Promise<boolean>;
  stop(lease: WebhookLease, reason: StopReason): Promise<boolean>;
}
