import { z } from 'zod';
import type { SecretBox } from '../../kernel/secret-box.ts';
import { EVENT_TYPES, type EventType } from '../../ledger/ports/feed.ts';
import type { LeasedWebhook } from '../../ledger/ports/webhook-leases.ts';
import type { Delivery, StopReason, Webhook, WebhookSettings, WebhookState } from '../../ledger/ports/webhooks.ts';

/** A secret in the column `secrets`, newest first. Times in ms since 1970. */
const StoredSecrets = z.array(
  z.strictObject({
    id: z.string(),
    /** Encrypted for the webhook. */
    box: z.string(),
    /** Until when it is valid; null for the newest one. */
    until: z.number().nullable(),
  }),
);
export type StoredSecret = z.output<typeof StoredSecrets>[number];

interface SettingsRow {
  webhook_id: string;
  url: string;
  description: string | null;
  account_prefixes: string | null;
  accounts: string | null;
  event_types: string | null;
  details: number;
  secrets: string;
  state: WebhookState;
  position: string;
  now: Date;
}

export interface WebhookRow extends SettingsRow {
  owner: string;
  request_hash: Buffer;
  stop_reason: StopReason | null;
  created_at: Date;
  last_success_at: Date | null;
  failing_since: Date | null;
  next_attempt_at: Date | null;
}

const SETTINGS = `webhook_id, \`url\`, \`description\`, account_prefixes, accounts, event_types, details, secrets, \`state\`,
  \`position\`, NOW(3) AS \`now\``;

export const SELECT_WEBHOOKS = `SELECT ${SETTINGS}, \`owner\`, request_hash, stop_reason, created_at, last_success_at,
  failing_since, next_attempt_at FROM webhooks`;

const listIn = (text: string | null): string[] | null => text?.split(' ').filter((part) => part !== '') ?? null;
export const listText = (list: readonly string[] | null): string | null => list?.join(' ') ?? null;
const timeOf = (moment: Date | null): number | null => moment?.getTime() ?? null;
const isType = (type: string): type is EventType => (EVENT_TYPES as readonly string[]).includes(type);

export const storedSecretsIn = (json: string): StoredSecret[] => StoredSecrets.parse(JSON.parse(json));
/** The secrets that are valid at a time. */
export const validAt = (secrets: readonly StoredSecret[], nowMs: number): StoredSecret[] =>
  secrets.filter(({ until }) => until === null || until > nowMs);
/** What a secret is encrypted for, so that it cannot be used for another webhook. */
export const useOf = (webhookId: string): string => `webhook ${webhookId}`;

const settingsIn = (row: SettingsRow): WebhookSettings & { accountPrefixes: string[] | null } => ({
  url: row.url,
  description: row.description,
  accountPrefixes: listIn(row.account_prefixes),
  accounts: listIn(row.accounts),
  types: listIn(row.event_types)?.filter(isType) ?? null,
  details: row.details === 1,
});

export const webhookOf = (row: WebhookRow): Webhook => ({
  ...settingsIn(row),
  webhookId: row.webhook_id,
  owner: row.owner,
  state: row.state,
  stopReason: row.stop_reason,
  position: row.position,
  secrets: validAt(storedSecretsIn(row.secrets), row.now.getTime()).length,
  createdAt: row.created_at.getTime(),
  lastSuccessAt: timeOf(row.last_success_at),
  failingSince: timeOf(row.failing_since),
  nextAttemptAt: timeOf(row.next_attempt_at),
});

export interface LeasedRow extends SettingsRow {
  fence: number;
  revision: number;
  wait_us: number | string;
  failures: number;
  failing_us: number | string;
  succeeded: number;
  failed: number;
  test_id: string | null;
}

export const SELECT_LEASED = `SELECT ${SETTINGS}, fence, revision, failures, succeeded, failed, test_id,
  GREATEST(COALESCE(TIMESTAMPDIFF(MICROSECOND, NOW(3), next_attempt_at), 0), 0) AS wait_us,
  COALESCE(TIMESTAMPDIFF(MICROSECOND, failing_since, NOW(3)), 0) AS failing_us FROM webhooks`;

export function leasedOf(row: LeasedRow, box: SecretBox): LeasedWebhook {
  const valid = validAt(storedSecretsIn(row.secrets), row.now.getTime());
  const secrets = valid.map(({ box: sealed }) => box.open(sealed, useOf(row.webhook_id)));
  const areReadable = secrets.every((secret) => secret !== null);
  return {
    ...settingsIn(row),
    webhookId: row.webhook_id,
    fence: row.fence,
    revision: row.revision,
    state: row.state,
    position: row.position,
    secrets: areReadable ? secrets : null,
    secretsUntil: valid.reduce<number | null>(
      (first, { until }) => (until === null ? first : Math.min(until, first ?? until)),
      null,
    ),
    waitMs: Number(row.wait_us) / 1000,
    failures: row.failures,
    failingForMs: Number(row.failing_us) / 1000,
    succeeded: row.succeeded,
    failed: row.failed,
    testId: row.test_id,
  };
}

export interface DeliveryRow {
  attempt: number;
  attempted_at: Date;
  message_id: string;
  kind: Delivery['kind'];
  events: number;
  from_position: string;
  to_position: string;
  response_status: number | null;
  failure: Delivery['failure'];
  duration_ms: number;
}

export const deliveryOf = (row: DeliveryRow): Delivery => ({
  attempt: row.attempt,
  at: row.attempted_at.getTime(),
  messageId: row.message_id,
  kind: row.kind,
  events: row.events,
  from: row.from_position,
  to: row.to_position,
  status: row.response_status,
  failure: row.failure,
  durationMs: row.duration_ms,
});
