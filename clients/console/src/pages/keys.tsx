import { part } from '../api.ts';
import { Confirm } from '../confirm.tsx';
import type { ApiKey, ApiKeyList } from '../schemas.ts';
import { useCommand, useLoaded, useSession } from '../state.ts';
import { Badge, Card, Notice, Page, Shown, Table, when } from '../ui.tsx';

export function KeysPage() {
  const loaded = useLoaded<ApiKeyList>('/v1/ops/keys?limit=1000');
  return (
    <Page
      title="Keys"
      intro="Who may use the API. Create and rotate keys from the command line: a secret is shown once."
    >
      <Card title="API keys">
        <Shown of={loaded}>
          {(list) => (
            <>
              {list.nextCursor && (
                <Notice tone="warning">
                  <p>There are more than {list.items.length} keys. The command line lists all of them.</p>
                </Notice>
              )}
              <Keys keys={list.items} reload={loaded.reload} />
            </>
          )}
        </Shown>
      </Card>
    </Page>
  );
}

const Keys = ({ keys, reload }: { keys: readonly ApiKey[]; reload: () => void }) => (
  <Table
    label="API keys"
    rows={keys}
    keyOf={({ keyId }) => keyId}
    empty="There are no keys."
    columns={[
      { name: 'Key', of: ({ keyId, name }) => (name ? `${keyId} (${name})` : keyId) },
      { name: 'User', of: ({ user }) => user },
      { name: 'Scopes', of: ({ scopes }) => scopes.join(', ') },
      { name: 'Accounts', of: ({ accountPrefixes }) => accountPrefixes?.join(', ') ?? 'all' },
      { name: 'Status', of: ({ status }) => <Badge tone={status === 'ACTIVE' ? 'good' : 'neutral'}>{status}</Badge> },
      { name: 'Expires', of: ({ expiresAt }) => when(expiresAt) },
      { name: 'Last used', of: ({ lastUsedAt }) => when(lastUsedAt) },
      { name: 'Action', of: (key) => key.status === 'ACTIVE' && <Revoke apiKey={key} reload={reload} /> },
    ]}
  />
);

function Revoke({ apiKey: { keyId, user }, reload }: { apiKey: ApiKey; reload: () => void }) {
  const { api } = useSession();
  const command = useCommand((reason: string) => api.post(`/v1/ops/keys/${part(keyId)}/revoke`, { reason }), reload);
  return (
    <Confirm action="Revoke" title={`Revoke key ${keyId}`} tone="danger" typed={keyId} needsReason command={command}>
      <p>Requests of {user} with this key are refused within two seconds. This cannot be undone.</p>
    </Confirm>
  );
}
