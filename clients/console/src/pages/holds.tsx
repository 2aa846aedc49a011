import { part } from '../api.ts';
import { Confirm } from '../confirm.tsx';
import type { HoldRecord } from '../schemas.ts';
import { linkTo, useCommand, useLoaded, useMay, useSession } from '../state.ts';
import { Badge, Card, Facts, OpenById, Page, Shown, Table, when } from '../ui.tsx';

const EVERY_MS = 5_000;

export function HoldsPage({ rest: [id] }: { rest: readonly string[] }) {
  if (id !== undefined) return <HoldPage id={id} />;
  return (
    <Page title="Holds" intro="Reserved money, its captures and its expiry.">
      <Card title="Show a hold">
        <OpenById
          label="Hold id"
          open={(hold) => location.assign(linkTo('holds', hold))}
          hint="The holds of an account are on the page of the account."
        />
      </Card>
    </Page>
  );
}

function HoldPage({ id }: { id: string }) {
  const path = `/v1/holds/${part(id)}`;
  const loaded = useLoaded<HoldRecord>(path, EVERY_MS);
  const { api } = useSession();
  const mayVoid = useMay('transfers:write');
  const command = useCommand(() => api.post(`${path}/void`), loaded.reload);
  return (
    <Page title={`Hold ${id}`}>
      <Shown of={loaded}>
        {(hold) => (
          <>
            <Card title="State">
              <Facts
                facts={[
                  [
                    'Status',
                    <Badge key="status" tone={hold.status === 'OPEN' ? 'warning' : 'neutral'}>
                      {hold.status}
                    </Badge>,
                  ],
                  [
                    'Account',
                    <a key="account" href={linkTo('accounts', hold.account)}>
                      {hold.account}
                    </a>,
                  ],
                  ['Amount', `${hold.amount} ${hold.currency}`],
                  ['Captured', `${hold.captured} ${hold.currency}`],
                  ['Remaining', `${hold.remaining} ${hold.currency}`],
                  ['Expires', when(hold.expiresAt)],
                  ['Reference', hold.reference],
                ]}
              />
              {mayVoid && hold.status === 'OPEN' && (
                <Confirm action="Void" title={`Void hold ${id}`} tone="danger" typed="VOID" command={command}>
                  <p>
                    {hold.remaining} {hold.currency} becomes available to {hold.account} again. This cannot be undone.
                  </p>
                </Confirm>
              )}
            </Card>
            <Card title="Captures">
              <Table
                label="Captures"
                rows={'captures' in hold ? hold.captures : []}
                keyOf={({ transactionId }) => transactionId}
                empty="Nothing has been captured."
                columns={[
                  {
                    name: 'Transfer',
                    of: ({ transactionId }) => <a href={linkTo('transfers', transactionId)}>{transactionId}</a>,
                  },
                  { name: 'Amount', of: ({ amount }) => amount, isNumber: true },
                  { name: 'Accepted', of: ({ acceptedAt }) => when(acceptedAt) },
                ]}
              />
            </Card>
          </>
        )}
      </Shown>
    </Page>
  );
}
