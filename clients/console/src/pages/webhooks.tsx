import { useRef, useState } from 'preact/hooks';
import { part } from '../api.ts';
import { Pages } from '../paging.tsx';
import type { EventPage, Webhook, WebhookDelivery, WebhookDeliveryList, WebhookList } from '../schemas.ts';
import { type Loaded, linkTo, useIsOperator, useLoaded, useSession } from '../state.ts';
import { Badge, Card, duration, Facts, Guide, Notice, Page, Shown, since, Table, when } from '../ui.tsx';
import { Replay, ReplayFrom, Secret, Skip, WebhookCommands } from './webhook-commands.tsx';

const EVERY_MS = 5_000;
const WAITING_EVERY_MS = 15_000;

/** That webhooks are off is not a failure. */
const OFF = {
  webhooks_disabled: (
    <p>
      Webhooks are off: the setting <code>WEBHOOK_SECRET_KEYS</code> is missing.{' '}
      <Guide page="webhooks.html#for-operators">How to switch them on</Guide>
    </p>
  ),
};

export function WebhooksPage({ rest: [id] }: { rest: readonly string[] }) {
  return id === undefined ? <List /> : <WebhookPage key={id} id={id} />;
}

function List() {
  const [cursor, setCursor] = useState<string | null>(null);
  const more = cursor === null ? '' : `&cursor=${part(cursor)}`;
  const list = useLoaded<WebhookList>(`/v1/webhooks?limit=50${more}`, EVERY_MS);
  const { api } = useSession();
  return (
    <Page title="Webhooks" intro="Where events are sent, and whether they arrive. Webhooks are created with the API.">
      <Card title="All webhooks that you may see">
        <Pages of={list} expected={OFF} cursor={cursor} setCursor={setCursor} first="First" next="Next">
          {({ items }) => (
            <Table
              label="Webhooks"
              rows={items}
              keyOf={({ webhookId }) => webhookId}
              empty="There are no webhooks."
              columns={[
                {
                  name: 'Webhook',
                  of: ({ webhookId, description }) => (
                    <>
                      <a href={linkTo('webhooks', webhookId)}>{webhookId}</a>
                      {description && <p class="small">{description}</p>}
                    </>
                  ),
                },
                { name: 'State', of: (webhook) => <State of={webhook} /> },
                { name: 'Last delivery', of: ({ lastSuccessAt }) => since(lastSuccessAt, api.now()) },
                { name: 'Failing since', of: ({ failingSince }) => since(failingSince, api.now()) },
                { name: 'URL', of: ({ url }) => <code>{url}</code> },
                { name: 'Events', of: ({ types }) => namesOf(types) },
                { name: 'Owner', of: ({ owner }) => owner },
              ]}
            />
          )}
        </Pages>
      </Card>
    </Page>
  );
}

function State({ of: { state, failingSince } }: { of: Webhook }) {
  if (state === 'ACTIVE' && failingSince !== null) return <Badge tone="warning">ACTIVE, failing</Badge>;
  return <Badge tone={state === 'ACTIVE' ? 'good' : state === 'STOPPED' ? 'bad' : 'neutral'}>{state}</Badge>;
}

/** `holdfast.transfer.posted` → `transfer.posted` */
const namesOf = (types: Webhook['types']): string =>
  types === null ? 'all' : types.map((type) => type.replace('holdfast.', '')).join(', ');

const STOPPED_BECAUSE = {
  failing: 'No attempt has succeeded for a day. Once a test event arrives, resume the webhook.',
  gone: 'The receiver answered 410: it wants no more events.',
  key_revoked:
    'An API key was revoked: the one with which the webhook was created, got another URL, or was resumed. Find out who may still get these events, then resume or delete it.',
  events_gone: 'The events at its position are no longer in the log. Choose another position, then resume it.',
  other_log: 'Its position belongs to another log: a backup was restored. Choose another position, then resume it.',
  secret_unreadable:
    'Its secrets were encrypted with a key that the deliverer does not have. Restore it in WEBHOOK_SECRET_KEYS.',
} as const;

function WebhookPage({ id }: { id: string }) {
  const path = `/v1/webhooks/${part(id)}`;
  const webhook = useLoaded<Webhook>(path, EVERY_MS);
  const [secret, setSecret] = useState<string | null>(null);
  return (
    <Page title={`Webhook ${id}`}>
      {secret !== null && <Secret secret={secret} stored={() => setSecret(null)} />}
      <Shown of={webhook} expected={OFF}>
        {(data) => (
          <>
            <Card title="State">
              <Reason of={data} />
              <Progress of={data} />
              <WebhookCommands webhook={data} reload={webhook.reload} issued={setSecret} />
            </Card>
            <Card title="Settings">
              <Settings of={data} />
            </Card>
            <Card title="Send events again">
              <Replay webhook={data} reload={webhook.reload} />
            </Card>
            <Deliveries path={path} webhook={data} reload={webhook.reload} />
          </>
        )}
      </Shown>
    </Page>
  );
}

function Reason({ of: { state, stopReason } }: { of: Webhook }) {
  if (state !== 'STOPPED') return null;
  return (
    <Notice tone="bad">
      <p>
        <strong>{stopReason}</strong> {stopReason && STOPPED_BECAUSE[stopReason]} Nothing was skipped.{' '}
        <Guide page="runbook.html#holdfastwebhooksstopped">What to do</Guide>
      </p>
    </Notice>
  );
}

function Progress({ of: webhook }: { of: Webhook }) {
  const { api } = useSession();
  const waiting = useFirstWaiting(webhook);
  return (
    <Facts
      facts={[
        ['State', <State key="state" of={webhook} />],
        ['Last delivery', since(webhook.lastSuccessAt, api.now())],
        ['Failing since', since(webhook.failingSince, api.now())],
        ['Next attempt', when(webhook.nextAttemptAt)],
        ...(waiting ? ([['Oldest waiting event', oldestOf(waiting, api.now())]] as const) : []),
        ['Position', <code key="position">{webhook.position}</code>],
      ]}
    />
  );
}

/** The first event that has not been delivered; null if the caller may not read the events of this webhook. */
function useFirstWaiting({ position, accounts, types, accountPrefixes }: Webhook): Loaded<EventPage> | null {
  const { caller } = useSession();
  const mayRead =
    caller.scopes.includes('balances:read') && caller.accountPrefixes === null && accountPrefixes === null;
  const query = new URLSearchParams({ after: position, limit: '1' });
  if (accounts) query.set('account', accounts.join());
  if (types) query.set('type', types.join());
  const page = useLoaded<EventPage>(mayRead ? `/v1/events/page?${query}` : null, WAITING_EVERY_MS);
  // Each delivery changes the position and thereby the path. Until the next answer, the previous one is shown.
  const shown = useRef(page);
  if (page.data || page.error) shown.current = page;
  return mayRead ? shown.current : null;
}

function oldestOf({ data, error }: Loaded<EventPage>, nowMs: number) {
  if (data === null) return error ? error.message : 'Loading …';
  const [event] = data.items;
  if (event) return since(event.time, nowMs);
  return data.caughtUp ? 'none' : 'not among the next 10,000 entries of the log';
}

const Settings = ({ of: webhook }: { of: Webhook }) => (
  <Facts
    facts={[
      ['URL', <code key="url">{webhook.url}</code>],
      ['Description', webhook.description],
      ['Events', namesOf(webhook.types)],
      ['Accounts', webhook.accounts?.join(', ') ?? 'all that its owner may use'],
      ['Only accounts that begin with', webhook.accountPrefixes?.join(', ')],
      ['With personal data', webhook.details ? 'yes' : 'no'],
      ['Owner', webhook.owner],
      ['Created', when(webhook.createdAt)],
      ['Valid secrets', webhook.validSecrets],
    ]}
  />
);

const FAILED_BECAUSE = {
  address_not_allowed: 'the address is not allowed',
  name_not_resolved: 'the host name was not found',
  not_connected: 'no connection',
  tls_failed: 'TLS failed',
  timeout: 'no answer in time',
  connection_lost: 'the connection broke',
  redirect: 'a redirect, which is not followed',
  status: 'a status other than 2xx',
} as const;

interface DeliveriesProps {
  path: string;
  webhook: Webhook;
  reload: () => void;
}

function Deliveries({ path, webhook, reload }: DeliveriesProps) {
  const [cursor, setCursor] = useState<string | null>(null);
  const more = cursor === null ? '' : `&cursor=${part(cursor)}`;
  const list = useLoaded<WebhookDeliveryList>(`${path}/deliveries?limit=50${more}`, EVERY_MS);
  return (
    <Card title="Latest attempts">
      <Pages of={list} cursor={cursor} setCursor={setCursor}>
        {({ items }) => <Attempts items={items} isNewest={cursor === null} webhook={webhook} reload={reload} />}
      </Pages>
    </Card>
  );
}

interface AttemptsProps extends Omit<DeliveriesProps, 'path'> {
  items: readonly WebhookDelivery[];
  isNewest: boolean;
}

function Attempts({ items, isNewest, webhook, reload }: AttemptsProps) {
  const isOperator = useIsOperator();
  // A busy webhook soon has newer attempts. Those on the screen stay while a dialog about one of them is open.
  const [isChoosing, setChoosing] = useState(false);
  const rows = useRef(items);
  if (!isChoosing) rows.current = items;
  const latest = isNewest ? items.find(({ kind }) => kind === 'events') : undefined;
  return (
    <>
      {isOperator && latest && latest.failure !== null && webhook.failingSince !== null && (
        <Skip key={latest.messageId} delivery={latest} webhook={webhook} reload={reload} />
      )}
      <Table
        label="Latest attempts to deliver"
        rows={rows.current}
        keyOf={({ attempt }) => String(attempt)}
        empty="Nothing has been sent yet."
        columns={[
          { name: 'When', of: ({ at }) => when(at) },
          { name: 'Result', of: (delivery) => <Result of={delivery} /> },
          { name: 'Status', of: ({ status }) => status, isNumber: true },
          { name: 'Events', of: ({ events, kind }) => (kind === 'test' ? 'test' : events), isNumber: true },
          { name: 'Duration', of: ({ durationMs }) => duration(durationMs), isNumber: true },
          { name: 'Attempt', of: ({ attempt }) => attempt, isNumber: true },
          { name: 'Message', of: ({ messageId }) => <code>{messageId}</code> },
          {
            name: 'Action',
            of: (delivery) =>
              delivery.kind === 'events' && (
                <ReplayFrom webhook={webhook} delivery={delivery} reload={reload} opened={setChoosing} />
              ),
          },
        ]}
      />
    </>
  );
}

const Result = ({ of: { failure } }: { of: WebhookDelivery }) =>
  failure === null ? <Badge tone="good">delivered</Badge> : <Badge tone="bad">{FAILED_BECAUSE[failure]}</Badge>;
