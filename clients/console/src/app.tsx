import type { ComponentChildren, ComponentType } from 'preact';
import { useEffect, useErrorBoundary, useMemo, useState } from 'preact/hooks';
import { Api, ApiError, type Caller, keptKey } from './api.ts';
import { AccountsPage } from './pages/accounts.tsx';
import { ActionsPage } from './pages/actions.tsx';
import { AuditPage } from './pages/audit.tsx';
import { HoldsPage } from './pages/holds.tsx';
import { KeysPage } from './pages/keys.tsx';
import { LivePage } from './pages/live.tsx';
import { ReconciliationPage } from './pages/reconciliation.tsx';
import { RecoveryPage } from './pages/recovery.tsx';
import { StopPage } from './pages/stop.tsx';
import { TransfersPage } from './pages/transfers.tsx';
import { WebhooksPage } from './pages/webhooks.tsx';
import { SignIn } from './sign-in.tsx';
import { linkTo, SessionContext, useLoaded, useMay, useRoute, useSession } from './state.ts';
import { Empty, Failure, Page, skipToMain } from './ui.tsx';

interface Place {
  path: string;
  name: string;
  /** One of these scopes is enough to see the page. */
  scopes: readonly string[];
  page: ComponentType<{ rest: readonly string[] }>;
}

/** The scopes of the API's routes that a page reads. */
const READ = ['balances:read'];
const READ_TRANSFERS = ['balances:read', 'transfers:write'];
const WEBHOOKS = ['webhooks:write', 'ops'];
const OPS = ['ops'];
const PLACES: readonly Place[] = [
  { path: 'live', name: 'Live', scopes: OPS, page: LivePage },
  { path: 'accounts', name: 'Accounts', scopes: READ, page: AccountsPage },
  { path: 'transfers', name: 'Transfers', scopes: READ_TRANSFERS, page: TransfersPage },
  { path: 'holds', name: 'Holds', scopes: READ_TRANSFERS, page: HoldsPage },
  { path: 'webhooks', name: 'Webhooks', scopes: WEBHOOKS, page: WebhooksPage },
  { path: 'recovery', name: 'Recovery', scopes: OPS, page: RecoveryPage },
  { path: 'keys', name: 'Keys', scopes: OPS, page: KeysPage },
  { path: 'actions', name: 'Actions', scopes: OPS, page: ActionsPage },
  { path: 'audit', name: 'Audit', scopes: OPS, page: AuditPage },
  { path: 'reconciliation', name: 'Reconciliation', scopes: OPS, page: ReconciliationPage },
  { path: 'stop', name: 'Emergency stop', scopes: OPS, page: StopPage },
];

const KEEP_EVERY_MS = 10_000;
const NO_LONGER = 'The key is no longer accepted: it has expired or was revoked. Sign in again.';

export function App() {
  const [key, setKey] = useState(keptKey.read);
  const [caller, setCaller] = useState<Caller | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const signOut = (why: ApiError | null) => {
    keptKey.forget();
    setKey(null);
    setCaller(null);
    setError(why);
  };
  const rejected = ({ correlationId }: ApiError) =>
    signOut(new ApiError(401, { code: 'signed_out', detail: NO_LONGER, ...(correlationId && { correlationId }) }));
  const api = useMemo(() => (key === null ? null : new Api(key, rejected)), [key]);
  useEffect(() => {
    if (!api || key === null) return;
    setError(null);
    api.get<Caller>('/v1/caller').then(
      (found) => {
        keptKey.keep(key);
        setCaller(found);
      },
      (failure: ApiError) => {
        setError(failure);
        // If the service is unavailable, the key is kept for another attempt.
        if (failure.status === 401) signOut(failure);
        else setKey(null);
      },
    );
  }, [api]);
  useEffect(() => {
    if (key === null || !caller) return;
    const kept = setInterval(() => keptKey.keep(key), KEEP_EVERY_MS);
    return () => clearInterval(kept);
  }, [key, caller]);
  const session = useMemo(() => (api && caller ? { api, caller, kept: new Map() } : null), [api, caller]);
  if (!session) return <SignIn signIn={setKey} isBusy={key !== null} error={error} />;
  return (
    <SessionContext.Provider value={session}>
      <Shell signOut={() => signOut(null)} />
    </SessionContext.Provider>
  );
}

function Shell({ signOut }: { signOut: () => void }) {
  const { caller } = useSession();
  const [path = '', ...rest] = useRoute();
  const places = PLACES.filter(({ scopes }) => scopes.some((scope) => caller.scopes.includes(scope)));
  const place = places.find((one) => one.path === path) ?? (path === '' ? places[0] : undefined);
  const Shown = place?.page;
  return (
    <>
      <button type="button" class="skip" onClick={skipToMain}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href={linkTo()}>
          Holdfast
        </a>
        <nav aria-label="Pages">
          <ul>
            {places.map((one) => (
              <li key={one.path}>
                <a href={linkTo(one.path)} aria-current={one === place ? 'page' : undefined}>
                  {one.name}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="who">
          <span>{caller.user}</span>
          <button type="button" onClick={signOut}>
            Sign out
          </button>
        </div>
      </header>
      <StoppedBanner />
      <main id="main" tabIndex={-1}>
        {Shown ? (
          <Guarded key={`${path}/${rest[0] ?? ''}`}>
            <Shown rest={rest} />
          </Guarded>
        ) : (
          <Page title="Nothing here">
            <Empty>There is no such page, or your key does not give access to it.</Empty>
          </Page>
        )}
      </main>
    </>
  );
}

/** A page that cannot show a response, for example one of another release, must not break the other pages. */
function Guarded({ children }: { children: ComponentChildren }) {
  const [error] = useErrorBoundary();
  if (error === undefined) return <>{children}</>;
  return (
    <Page title="This page failed">
      <Failure error={new ApiError(0, { code: 'page_failed', detail: String(error) })} />
    </Page>
  );
}

const STOP_READ_EVERY_MS = 5_000;

/** While the ledger is stopped, every page of the console has to show it. */
function StoppedBanner() {
  const isOperator = useMay('ops');
  const { data } = useLoaded<{ shards: readonly { stopped: boolean }[] }>(
    isOperator ? '/v1/ops/live' : null,
    STOP_READ_EVERY_MS,
  );
  if (!data?.shards.some(({ stopped }) => stopped)) return null;
  return (
    <div class="banner" role="alert">
      The ledger is stopped: all changes are refused. <a href={linkTo('stop')}>Show the emergency stop</a>
    </div>
  );
}
