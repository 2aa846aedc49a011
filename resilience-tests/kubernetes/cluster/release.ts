import type { ApiServer } from './api-server.ts';
import type { Pod } from './pods.ts';

/** The release under test, as found in the cluster. */
export interface Release {
  name: string;
  /** Prefix of the names of its objects. */
  fullname: string;
  /** The image of the API pods. */
  image: string;
  /** The address of the Service. Its name is not used, because most clients resolve a name only rarely. */
  url: string;
  keySecret: { name: string; key: string };
  /** The API key with which the books are read. */
  key: string;
  testLabels: Readonly<Record<string, string>>;
}

interface Service {
  metadata: { name: string; labels: Record<string, string> };
  spec: { clusterIP: string; ports: { port: number; name?: string }[] };
}

const SERVICE_OF_API = 'app.kubernetes.io/name=holdfast,app.kubernetes.io/component=api';

/** @throws Error that names what is missing */
export function findRelease(api: ApiServer, keySecret: string | undefined): Release {
  const found = JSON.parse(api.kubectl('get', 'services', '--selector', SERVICE_OF_API, '--output=json'));
  const services: Service[] = found.items;
  // The chart also creates a Service for the metrics of the same pods.
  const service = services.find(({ spec }) => spec.ports.some(({ port, name }) => name === 'http' || port === 80));
  if (service === undefined) throw new Error(`the namespace ${api.namespace} has no release of Holdfast`);
  const { name: fullname, labels } = service.metadata;
  const instance = labels['app.kubernetes.io/instance'] ?? fullname;
  const pods: { items: Pod[] } = JSON.parse(api.kubectl('get', 'pods', '--selector', SERVICE_OF_API, '--output=json'));
  const image = pods.items[0]?.spec.containers[0]?.image;
  if (image === undefined) throw new Error('the release has no API pod');
  const [secret = '', secretKey = 'BOOTSTRAP_API_KEY'] = (keySecret ?? fullname).split('/');
  const data = api.get<{ data: Record<string, string> }>('secret', secret)?.data ?? {};
  const encoded = data[secretKey];
  if (encoded === undefined)
    throw new Error(`the Secret ${secret} has no ${secretKey}: name another one with --key-secret`);
  const { clusterIP, ports } = service.spec;
  const host = clusterIP === 'None' ? `${fullname}.${api.namespace}.svc` : clusterIP;
  const port = ports.find((one) => one.name === 'http')?.port ?? ports[0]?.port ?? 80;
  return {
    name: instance,
    fullname,
    image,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    keySecret: { name: secret, key: secretKey },
    key: Buffer.from(encoded, 'base64').toString(),
    testLabels: {
      'app.kubernetes.io/name': 'holdfast',
      'app.kubernetes.io/instance': instance,
      'app.kubernetes.io/component': 'test',
    },
  };
}
