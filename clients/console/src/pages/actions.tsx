import { useState } from 'preact/hooks';
import { part } from '../api.ts';
import { Pages } from '../paging.tsx';
import type { KeyLog, LedgerStop } from '../schemas.ts';
import { useLoaded } from '../state.ts';
import { Badge, Card, Page, Shown, Table, when } from '../ui.tsx';
import { StopChanges } from './stop.tsx';

/** Shows who did what to the ledger and to its keys, when and why. */
export function ActionsPage() {
  const stops = useLoaded<LedgerStop>('/v1/ops/stop');
  return (
    <Page title="Actions" intro="What operators did to keys and to the whole ledger, the latest first.">
      <KeyActions />
      <Card title="Stops and releases">
        <Shown of={stops}>{({ changes }) => <StopChanges changes={changes} />}</Shown>
      </Card>
    </Page>
  );
}

function KeyActions() {
  const [cursor, setCursor] = useState<string | null>(null);
  const log = useLoaded<KeyLog>(`/v1/ops/key-log?limit=50${cursor === null ? '' : `&cursor=${part(cursor)}`}`);
  return (
    <Card title="API keys">
      <Pages of={log} cursor={cursor} setCursor={setCursor}>
        {({ items }) => (
          <Table
            label="Actions on API keys"
            rows={items}
            keyOf={({ at, action, keyId, correlationId }) => `${at} ${action} ${keyId} ${correlationId}`}
            empty="No key was created, rotated or revoked over HTTP."
            columns={[
              { name: 'When', of: ({ at }) => when(at) },
              {
                name: 'What',
                of: ({ action }) => <Badge tone={action === 'REFUSED' ? 'bad' : 'neutral'}>{action}</Badge>,
              },
              { name: 'Key', of: ({ keyId }) => keyId },
              { name: 'Who', of: ({ user, userKeyId }) => (userKeyId ? `${user} (${userKeyId})` : user) },
              { name: 'Request', of: ({ content }) => <code>{JSON.stringify(content)}</code> },
              { name: 'Correlation id', of: ({ correlationId }) => correlationId && <code>{correlationId}</code> },
            ]}
          />
        )}
      </Pages>
    </Card>
  );
}
