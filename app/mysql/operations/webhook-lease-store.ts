import type { SecretBox } from '../../kernel/secret-box.ts';
import type {
  Attempt,
  LeasedWebhook,
  WebhookGlance,
  WebhookLease,
  WebhookLeases,
} from '../../ledger/ports/webhook-leases.ts';
import type { StopReason, WebhookState } from '../../ledger/ports/webhooks.ts';
import type { Database } from '../connection/pool.ts';
import { type LeasedRow, leasedOf, SELECT_LEASED } from './webhook-rows.ts';

/** How many successful and how many failed attempts are kept for each webhook: successes must not push out failures. */
export const KEPT = { succeeded: 200, failed: 300 } as const;

interface GlanceRow {
  webhook_id: string;
  fence: number;
  revision: number;
  state: WebhookState;
  lease_holder: string | null;
  is_free: number;
  is_key_revoked: number;
}

const IS_DUE = "(`state` = 'ACTIVE' OR test_id IS NOT NULL)";
const IS_FREE = '(lease_holder IS NULL OR leased_until <= NOW(3))';
/** The holder may write as long as nobody has taken over, even if its lease has expired. */
const IS_CURRENT = 'webhook_id = ? AND fence = ? AND revision = ?';

/** The leases of webhooks in the MySQL of the first shard. */
export class WebhookLeaseStore implements WebhookLeases {
  readonly #database: Pick<Database, 'rows'>;
  readonly #box: SecretBox;

  constructor(database: Pick<Database, 'rows'>, box: SecretBox) {
    this.#database = database;
    this.#box = box;
  }

  async glance(holder: string): Promise<{ now: number; webhooks: WebhookGlance[] }> {
    const [clock] = await this.#database.rows<{ now: Date }>('SELECT NOW(3) AS `now`');
    const rows = await this.#database.rows<GlanceRow>(
      `SELECT w.webhook_id, w.fence, w.revision, w.\`state\`, w.lease_holder, ${IS_DUE} AND ${IS_FREE} AS is_free,
         EXISTS (SELECT 1 FROM api_keys k WHERE k.key_id = w.granted_by AND k.revoked_at IS NOT NULL) AS is_key_revoked
       FROM webhooks w`,
    );
    const webhooks = rows.map((row) => ({
      webhookId: row.webhook_id,
      fence: row.fence,
      revision: row.revision,
      state: row.state,
      isMine: row.lease_holder === holder,
      isFree: row.is_free === 1,
      isKeyRevoked: row.is_key_revoked === 1,
    }));
    return { now: clock?.now.getTime() ?? 0, webhooks };
  }

  async take(webhookId: string, holder: string, leaseMs: number): Promise<LeasedWebhook | null> {
    const taken = await this.#changed(
      `UPDATE webhooks SET lease_holder = ?, fence = fence + 1, leased_until = NOW(3) + INTERVAL ? MICROSECOND
       WHERE webhook_id = ? AND ${IS_DUE} AND ${IS_FREE}`,
      [holder, leaseMs * 1000, webhookId],
    );
    return taken ? this.#leased(webhookId, holder) : null;
  }

  async read({ webhookId, fence }: WebhookLease, holder: string): Promise<LeasedWebhook | null> {
    const found = await this.#leased(webhookId, holder);
    return found?.fence === fence ? found : null;
  }

  async isCurrent(lease: WebhookLease, holder: string): Promise<boolean> {
    const rows = await this.#database.rows(
      `SELECT 1 FROM webhooks WHERE ${IS_CURRENT} AND lease_holder = ? AND leased_until > NOW(3)`,
      [...current(lease), holder],
    );
    return rows.length > 0;
  }

  async renew(holder: string, leaseMs: number): Promise<void> {
    await this.#database.rows(
      'UPDATE webhooks SET leased_until = NOW(3) + INTERVAL ? MICROSECOND WHERE lease_holder = ?',
      [leaseMs * 1000, holder],
    );
  }

  async release(holder: string, webhookIds?: readonly string[]): Promise<void> {
    if (webhookIds?.length === 0) return;
    await this.#database.rows(
      `UPDATE webhooks SET lease_holder = NULL, leased_until = NULL WHERE lease_holder = ?${webhookIds ? ' AND webhook_id IN (?)' : ''}`,
      [holder, ...(webhookIds ? [webhookIds] : [])],
    );
  }

  async recordEvents(lease: WebhookLease, attempt: Attempt): Promise<boolean> {
    const { delivery, count, retryInMs } = attempt;
    const recorded = await (delivery.failure === null
      ? this.#changed(
          `UPDATE webhooks SET \`position\` = ?, succeeded = ?, failures = 0, failing_since = NULL, next_attempt_at = NULL,
             last_success_at = NOW(3) WHERE ${IS_CURRENT}`,
          [delivery.to, count, ...current(lease)],
        )
      : this.#changed(
          `UPDATE webhooks SET failed = ?, failures = failures + 1, failing_since = COALESCE(failing_since, NOW(3)),
             next_attempt_at = NOW(3) + INTERVAL ? MICROSECOND WHERE ${IS_CURRENT}`,
          [count, Math.round((retryInMs ?? 0) * 1000), ...current(lease)],
        ));
    if (recorded) await this.#log(lease, attempt);
    return recorded;
  }

  async recordTest(lease: WebhookLease, testId: string, attempt: Attempt): Promise<boolean> {
    const counted = attempt.delivery.failure === null ? 'succeeded' : 'failed';
    const recorded = await this.#changed(
      `UPDATE webhooks SET ${counted} = ?, test_id = NULL WHERE webhook_id = ? AND fence = ? AND test_id = ?`,
      [attempt.count, lease.webhookId, lease.fence, testId],
    );
    if (recorded) await this.#log(lease, attempt);
    return recorded;
  }

  skip(lease: WebhookLease, position: string): Promise<boolean> {
    return this.#changed(`UPDATE webhooks SET \`position\` = ? WHERE ${IS_CURRENT}`, [position, ...current(lease)]);
  }

  stop(lease: WebhookLease, reason: StopReason): Promise<boolean> {
    return this.#changed(
      `UPDATE webhooks SET \`state\` = 'STOPPED', stop_reason = ?, revision = revision + 1, next_attempt_at = NULL
       WHERE ${IS_CURRENT} AND \`state\` = 'ACTIVE'`,
      [reason, ...current(lease)],
    );
  }

  /** If the process is killed before this statement, only the entry in the list of attempts is missing. */
  async #log({ webhookId }: WebhookLease, { delivery, count }: Attempt): Promise<void> {
    const { failure } = delivery;
    const slot = failure === null ? count % KEPT.succeeded : KEPT.succeeded + (count % KEPT.failed);
    await this.#database.rows(
      `REPLACE INTO webhook_deliveries (webhook_id, slot, attempt, attempted_at, message_id, kind, \`events\`, from_position,
         to_position, response_status, failure, duration_ms) VALUES (?, ?, ?, NOW(3), ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        ...[webhookId, slot, delivery.attempt, delivery.messageId, delivery.kind, delivery.events],
        ...[delivery.from, delivery.to, delivery.status, failure, Math.round(delivery.durationMs)],
      ],
    );
  }

  async #leased(webhookId: string, holder: string): Promise<LeasedWebhook | null> {
    const [row] = await this.#database.rows<LeasedRow>(`${SELECT_LEASED} WHERE webhook_id = ? AND lease_holder = ?`, [
      webhookId,
      holder,
    ]);
    return row ? leasedOf(row, this.#box) : null;
  }

  /** `rows` also runs statements that return none. */
  async #changed(sql: string, values: unknown[]): Promise<boolean> {
    const result: unknown = await this.#database.rows(sql, values);
    return ((result as { affectedRows?: number }).affectedRows ?? 0) > 0;
  }
}

const current = ({ webhookId, fence, revision }: WebhookLease) => [webhookId, fence, revision] as const;
