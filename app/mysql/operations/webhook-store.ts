import { createHash, randomBytes } from 'node:crypto';
import type { KeyRequest } from '../../domain/api-keys.ts';
import { type Identity, isOperator, mayUse, requireAccounts } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import type { SecretBox } from '../../kernel/secret-box.ts';
import type {
  Delivery,
  IssuedWebhook,
  WantedWebhook,
  Webhook,
  WebhookChange,
  WebhookRotation,
  WebhookSettings,
  Webhooks,
} from '../../ledger/ports/webhooks.ts';
import { isRolledBack } from '../connection/mysql-errors.ts';
import type { Database, Session } from '../connection/pool.ts';
import { noteAction } from '../rows/noted-action.ts';
import {
  type DeliveryRow,
  deliveryOf,
  listText,
  SELECT_WEBHOOKS,
  storedSecretsIn,
  useOf,
  validAt,
  type WebhookRow,
  webhookOf,
} from './webhook-rows.ts';

interface Dependencies {
  database: Database;
  box: SecretBox;
  /** The maximum number of webhooks of one user, and of all users together. */
  limits: { perUserMax: number; max: number };
}

const TRIES_MAX = 5;
const SECRETS_MAX = 5;
const SECRET_PREFIX = 'whsec_';
const SECRET_BYTES = 32;
/** How many rows are read at a time to find those that a restricted caller sees. */
const PAGE = 100;

/** Webhooks in the MySQL of the first shard. A change and its entry in the sealed log are one transaction. */
export class WebhookStore implements Webhooks {
  readonly #deps: Dependencies;
  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  async create(wanted: WantedWebhook, request: KeyRequest): Promise<IssuedWebhook> {
    const { identity } = request;
    if (wanted.accounts) requireAccounts(identity, wanted.accounts);
    const hash = hashOf(wanted, identity);
    return this.#transaction(async (session) => {
      await session.rows("SELECT 1 FROM job_leases WHERE job = 'webhook-creation' FOR UPDATE");
      const existing = await rowIn(session, wanted.webhookId);
      if (existing) return replayOf(existing, hash);
      await this.#requireRoom(session, identity.user);
      const secret = newSecret();
      const secrets = [{ id: wanted.webhookId, box: this.#seal(secret, wanted.webhookId), until: null }];
      await session.run(
        `INSERT INTO webhooks (webhook_id, \`owner\`, granted_by, account_prefixes, request_hash, \`url\`, \`description\`, accounts,
           event_types, details, secrets, \`position\`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        [
          wanted.webhookId,
          identity.user,
          identity.keyId ?? null,
          listText(identity.accountPrefixes ?? null),
          hash,
          ...columnsOf(wanted),
          JSON.stringify(secrets),
          wanted.position,
        ],
      );
      await this.#note(session, 'created', wanted.webhookId, request, contentOf(wanted));
      return { webhook: await this.#shown(session, wanted.webhookId), secret };
    });
  }

  async get(webhookId: string, identity: Identity): Promise<Webhook> {
    return webhookOf(await visibleIn(this.#deps.database, webhookId, identity));
  }

  async list(identity: Identity, afterId: string, limit: number): Promise<Webhook[]> {
    const owner = isOperator(identity) ? null : identity.user;
    const found: Webhook[] = [];
    for (let after = afterId; found.length < limit; ) {
      const rows = await this.#deps.database.rows<WebhookRow>(
        `${SELECT_WEBHOOKS} WHERE webhook_id > ?${owner === null ? '' : ' AND `owner` = ?'} ORDER BY webhook_id LIMIT ${PAGE}`,
        [after, ...(owner === null ? [] : [owner])],
      );
      found.push(...rows.map(webhookOf).filter((webhook) => maySee(identity, webhook)));
      after = rows.at(-1)?.webhook_id ?? after;
      if (rows.length < PAGE) break;
    }
    return found.slice(0, limit);
  }

  async change(webhookId: string, { state, ...change }: WebhookChange, request: KeyRequest): Promise<Webhook> {
    return this.#change(webhookId, 'changed', request, async (session, row) => {
      const settings = { ...webhookOf(row), ...change };
      if (change.accounts) requireAccounts(request.identity, change.accounts);
      // Pausing a webhook that was stopped does not hide that it was stopped, and only `resume` starts it again.
      const next = row.state === 'STOPPED' ? row.state : (state ?? row.state);
      await session.run(
        `UPDATE webhooks SET \`url\` = ?, \`description\` = ?, accounts = ?, event_types = ?, details = ?, \`state\` = ?
         WHERE webhook_id = ?`,
        [...columnsOf(settings), next, webhookId],
      );
      // Whoever directs the events to another address is responsible for the webhook: it stops when their key is
      // revoked.
      if (settings.url !== row.url)
        await session.run('UPDATE webhooks SET granted_by = ? WHERE webhook_id = ?', [
          request.identity.keyId ?? null,
          webhookId,
        ]);
      return { ...contentOf(settings), state: next };
    });
  }

  async remove(webhookId: string, request: KeyRequest): Promise<void> {
    await this.#transaction(async (session) => {
      const row = await rowIn(session, webhookId, 'FOR UPDATE');
      // The same problem as for a webhook that does not exist, so that nobody learns about the webhooks of others.
      if (!row || !maySee(request.identity, webhookOf(row))) return;
      await session.run('DELETE FROM webhooks WHERE webhook_id = ?', [webhookId]);
      await session.run('DELETE FROM webhook_deliveries WHERE webhook_id = ?', [webhookId]);
      await this.#note(session, 'deleted', webhookId, request, {});
    });
  }

  async rotate(
    webhookId: string,
    { secretId, overlapS }: WebhookRotation,
    request: KeyRequest,
  ): Promise<IssuedWebhook> {
    const secret = newSecret();
    let issued: string | null = secret;
    const webhook = await this.#change(webhookId, 'secret-rotated', request, async (session, row) => {
      const now = row.now.getTime();
      const valid = validAt(storedSecretsIn(row.secrets), now);
      issued = valid.some(({ id }) => id === secretId) ? null : secret;
      if (issued === null) return null;
      const until = now + overlapS * 1000;
      const kept = valid.map((old) => ({ ...old, until: Math.min(old.until ?? until, until) }));
      const secrets = [
        { id: secretId, box: this.#seal(secret, webhookId), until: null },
        ...kept.filter((old) => old.until > now),
      ];
      if (secrets.length > SECRETS_MAX)
        throw new Problem(
          'too_many_secrets',
          `${webhookId} has ${valid.length} valid secrets. Rotate without an overlap.`,
        );
      await session.run('UPDATE webhooks SET secrets = ? WHERE webhook_id = ?', [JSON.stringify(secrets), webhookId]);
      return { secretId, overlapS };
    });
    return { webhook, secret: issued };
  }

  async test(webhookId: string, request: KeyRequest): Promise<void> {
    await this.#change(webhookId, 'test-requested', request, async (session) => {
      const testId = randomBytes(12).toString('hex');
      await session.run('UPDATE webhooks SET test_id = ? WHERE webhook_id = ?', [testId, webhookId]);
      return {};
    });
  }

  async moveTo(webhookId: string, position: string, request: KeyRequest): Promise<Webhook> {
    return this.#change(webhookId, 'moved', request, async (session, row) => {
      await session.run('UPDATE webhooks SET `position` = ? WHERE webhook_id = ?', [position, webhookId]);
      return { from: row.position, to: position };
    });
  }

  async resume(webhookId: string, request: KeyRequest): Promise<Webhook> {
    return this.#change(webhookId, 'resumed', request, async (session) => {
      await session.run(
        `UPDATE webhooks SET \`state\` = 'ACTIVE', stop_reason = NULL, failures = 0, failing_since = NULL, next_attempt_at = NULL,
           granted_by = ? WHERE webhook_id = ?`,
        [request.identity.keyId ?? null, webhookId],
      );
      return {};
    });
  }

  async deliveries(webhookId: string, identity: Identity, beforeAttempt: number, limit: number): Promise<Delivery[]> {
    const { database } = this.#deps;
    await visibleIn(database, webhookId, identity);
    const rows = await database.rows<DeliveryRow>(
      `SELECT attempt, attempted_at, message_id, kind, \`events\`, from_position, to_position, response_status, failure,
         duration_ms FROM webhook_deliveries WHERE webhook_id = ? AND attempt < ? ORDER BY attempt DESC LIMIT ?`,
      [webhookId, beforeAttempt, limit],
    );
    return rows.map(deliveryOf);
  }

  /** @param work returns what is noted in the log; null if nothing has changed */
  async #change(
    webhookId: string,
    type: string,
    request: KeyRequest,
    work: (session: Session, row: WebhookRow) => Promise<object | null>,
  ): Promise<Webhook> {
    return this.#transaction(async (session) => {
      const row = await visibleIn(session, webhookId, request.identity, 'FOR UPDATE');
      const content = await work(session, row);
      if (content !== null) {
        await session.run('UPDATE webhooks SET revision = revision + 1 WHERE webhook_id = ?', [webhookId]);
        await this.#note(session, type, webhookId, request, content);
      }
      return this.#shown(session, webhookId);
    });
  }

  /** URLs, descriptions and the names of users may be personal data. */
  async #note(session: Session, type: string, webhookId: string, request: KeyRequest, content: object): Promise<void> {
    const { identity, correlationId } = request;
    const { url, description, ...rest } = content as Partial<Webhook>;
    const personal = JSON.stringify({ user: identity.user, correlationId, url, description });
    const action = { type: `webhook-${type}`, subject: webhookId, at: await nowIn(session), content: rest };
    const salt = await noteAction(session, action, personal);
    if (salt !== null)
      await session.run('UPDATE webhooks SET salt = ? WHERE webhook_id = ?', [Buffer.from(salt, 'hex'), webhookId]);
  }

  async #requireRoom(session: Session, user: string): Promise<void> {
    const { perUserMax, max } = this.#deps.limits;
    const [count] = await session.rows<{ of_all: number; of_user: number }>(
      'SELECT COUNT(*) AS of_all, COUNT(CASE WHEN `owner` = ? THEN 1 END) AS of_user FROM webhooks',
      [user],
    );
    if (Number(count?.of_user) >= perUserMax)
      throw new Problem('too_many_webhooks', `A user can have ${perUserMax} webhooks. Delete one first.`);
    if (Number(count?.of_all) >= max)
      throw new Problem('too_many_webhooks', `There can be ${max} webhooks. Ask the operators (WEBHOOKS_MAX).`);
  }

  #seal(secret: string, webhookId: string): string {
    return this.#deps.box.seal(secret, useOf(webhookId));
  }

  async #shown(session: Session, webhookId: string): Promise<Webhook> {
    const row = await rowIn(session, webhookId);
    if (!row) throw notFound(webhookId);
    return webhookOf(row);
  }

  async #transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#deps.database.transaction(work);
      } catch (error) {
        if (tries === TRIES_MAX || !isRolledBack(error)) throw error;
      }
    }
  }
}

const notFound = (webhookId: string): Problem =>
  new Problem('webhook_not_found', `There is no webhook ${webhookId} that these credentials may use.`);

async function rowIn(from: Pick<Session, 'rows'>, webhookId: string, lock = ''): Promise<WebhookRow | null> {
  const [row] = await from.rows<WebhookRow>(`${SELECT_WEBHOOKS} WHERE webhook_id = ? ${lock}`, [webhookId]);
  return row ?? null;
}

async function visibleIn(
  from: Pick<Session, 'rows'>,
  webhookId: string,
  identity: Identity,
  lock?: 'FOR UPDATE',
): Promise<WebhookRow> {
  const row = await rowIn(from, webhookId, lock);
  if (!row || !maySee(identity, webhookOf(row))) throw notFound(webhookId);
  return row;
}

/**
 * A caller may see a webhook only if it may use all of the webhook's accounts: otherwise, by replacing the secret or
 * the address, it could get events of other accounts.
 */
function maySee(identity: Identity, { owner, accountPrefixes }: Webhook): boolean {
  if (isOperator(identity)) return true;
  if (owner !== identity.user) return false;
  if (identity.accountPrefixes === undefined) return true;
  return accountPrefixes?.every((prefix) => mayUse(identity, prefix)) ?? false;
}

const newSecret = (): string => SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64');

const columnsOf = ({ url, description, accounts, types, details }: WebhookSettings) => [
  url,
  description,
  listText(accounts),
  listText(types),
  details ? 1 : 0,
];

const contentOf = ({ url, description, accounts, types, details }: WebhookSettings) => ({
  url,
  description,
  accounts,
  types,
  details,
});

const hashOf = (wanted: WantedWebhook, { user, accountPrefixes }: Identity): Buffer =>
  createHash('sha256')
    .update(JSON.stringify([user, accountPrefixes ?? null, contentOf(wanted), wanted.after]))
    .digest();

/** The request is a repetition if it has the content of the first one, whatever has been changed since. */
function replayOf(row: WebhookRow, hash: Buffer): IssuedWebhook {
  if (!row.request_hash.equals(hash))
    throw new Problem('webhook_id_reused', `There is another webhook ${row.webhook_id}.`);
  return { webhook: webhookOf(row), secret: null };
}

async function nowIn(session: Session): Promise<number> {
  const [row] = await session.rows<{ now: Date }>('SELECT NOW(3) AS `now`');
  return row?.now.getTime() ?? 0;
}
