import type { KeyRequest } from '../../domain/api-keys.ts';
import type { Identity } from '../../domain/identity.ts';
import type { EventType } from './feed.ts';

/** Which events a webhook gets. */
export interface WebhookFilter {
  /** Null: events of all accounts that its creator may use. */
  readonly accounts: readonly string[] | null;
  /** Null: events of all types. */
  readonly types: readonly EventType[] | null;
  /** Whether the events contain personal data. */
  readonly details: boolean;
}

/** The properties that its owner chooses. */
export interface WebhookSettings extends WebhookFilter {
  readonly url: string;
  /** What it is for, in words; programs do not use it. */
  readonly description: string | null;
}

export interface WantedWebhook extends WebhookSettings {
  readonly webhookId: string;
  /** The position at which it begins, as text (see feed-position.ts), with a place in each shard. */
  readonly position: string;
  /** The beginning that the client requested, to compare it with that of a repeated request. */
  readonly after: string | null;
}

/**
 * `PAUSED`: its owner has suspended deliveries. `STOPPED`: the deliverer has given up; nothing is skipped, and it
 * continues at its position when it is resumed.
 */
export const WEBHOOK_STATES = ['ACTIVE', 'PAUSED', 'STOPPED'] as const;
export type WebhookState = (typeof WEBHOOK_STATES)[number];

/** Why deliveries were stopped. */
export const STOP_REASONS = [
  /** No attempt has succeeded for a day. */
  'failing',
  /** The receiver answered 410. */
  'gone',
  /** The API key with which the webhook was created or resumed was revoked. */
  'key_revoked',
  /** The events after its position are no longer in the log. */
  'events_gone',
  /** Its position belongs to another log: a backup was restored. */
  'other_log',
  /** Its secrets were encrypted with a key that the deliverer does not have. */
  'secret_unreadable',
] as const;
export type StopReason = (typeof STOP_REASONS)[number];

/** A webhook, as its owner sees it. Times in ms since 1970. */
export interface Webhook extends WebhookSettings {
  readonly webhookId: string;
  readonly owner: string;
  /** It gets only events of accounts with these prefixes; null: events of all accounts. */
  readonly accountPrefixes: readonly string[] | null;
  readonly state: WebhookState;
  readonly stopReason: StopReason | null;
  readonly position: string;
  /** The number of valid secrets; more than one while one is being replaced. */
  readonly secrets: number;
  readonly createdAt: number;
  readonly lastSuccessAt: number | null;
  /** The time since which all attempts have failed; null if the latest one succeeded. */
  readonly failingSince: number | null;
  readonly nextAttemptAt: number | null;
}

/** A webhook, and its secret if that has just been created. */
export interface IssuedWebhook {
  readonly webhook: Webhook;
  /** Null if the request was repeated. */
  readonly secret: string | null;
}

export type WebhookChange = Partial<WebhookSettings> & { readonly state?: 'ACTIVE' | 'PAUSED' };

/** One attempt to deliver. */
export interface Delivery {
  /** From 1, for each webhook. */
  readonly attempt: number;
  readonly at: number;
  readonly messageId: string;
  readonly kind: 'events' | 'test';
  readonly events: number;
  /** The positions before and after its events. */
  readonly from: string;
  readonly to: string;
  /** The status of the response; null if there was none. */
  readonly status: number | null;
  /** Null if it succeeded. */
  readonly failure: DeliveryFailure | null;
  readonly durationMs: number;
}

export const DELIVERY_FAILURES = [
  'address_not_allowed',
  'name_not_resolved',
  'not_connected',
  'tls_failed',
  'timeout',
  'connection_lost',
  'redirect',
  'status',
] as const;
export type DeliveryFailure = (typeof DELIVERY_FAILURES)[number];

/**
 * The management of webhooks. A caller sees those of its own webhooks for which it may use all accounts; a caller with
 * the scope `ops` sees all webhooks. Any other webhook is reported as webhook_not_found. All methods throw Problem
 * database_unavailable while MySQL is unavailable; a change may then have been made.
 */
export interface Webhooks {
  /**
   * Creating a webhook again under its id returns it without its secret.
   * @throws Problem webhook_id_reused, too_many_webhooks, forbidden for accounts that the caller may not use
   */
  create(wanted: WantedWebhook, request: KeyRequest): Promise<IssuedWebhook>;
  get(webhookId: string, identity: Identity): Promise<Webhook>;
  /** The webhooks after an id, in the order of their ids. */
  list(identity: Identity, afterId: string, limit: number): Promise<Webhook[]>;
  change(webhookId: string, change: WebhookChange, request: KeyRequest): Promise<Webhook>;
  remove(webhookId: string, request: KeyRequest): Promise<void>;
  /**
   * Adds a secret. The others remain valid for the overlap. A repeated rotation changes nothing.
   * @throws Problem too_many_secrets
   */
  rotate(webhookId: string, rotation: WebhookRotation, request: KeyRequest): Promise<IssuedWebhook>;
  /** Requests that the deliverer sends a test event, once. */
  test(webhookId: string, request: KeyRequest): Promise<void>;
  /** Continues from another position. */
  moveTo(webhookId: string, position: string, request: KeyRequest): Promise<Webhook>;
  /** Delivers again, at once, if deliveries were stopped or are waiting for the next attempt. */
  resume(webhookId: string, request: KeyRequest): Promise<Webhook>;
  /** The attempts before the given one, newest first. */
  deliveries(webhookId: string, identity: Identity, beforeAttempt: number, limit: number): Promise<Delivery[]>;
}

export interface WebhookRotation {
  readonly secretId: string;
  /** How long the other secrets remain valid, s. */
  readonly overlapS: number;
}
