import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { clusterEnv, kubectl, kubectlProgram } from '../../../devstack/cluster/commands.ts';
import { sleep } from './wait.ts';

const RETRIES = 30;

/**
 * Access to one namespace of the API server: through kubectl for changes, and through kubectl's proxy for frequent
 * reads.
 */
export class ApiServer implements Disposable {
  readonly namespace: string;
  readonly #proxy: ChildProcess;
  readonly #url: Promise<string>;

  constructor(namespace: string) {
    this.namespace = namespace;
    this.#proxy = spawn(kubectlProgram(), ['proxy', '--port=0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: clusterEnv(),
    });
    process.once('exit', this.#end);
    const { stdout } = this.#proxy;
    if (stdout === null) throw new Error('kubectl proxy has no output');
    const lines = createInterface({ input: stdout });
    this.#url = new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        const [address] = /127\.0\.0\.1:\d+/.exec(line) ?? [];
        if (address !== undefined) resolve(`http://${address}`);
      });
      this.#proxy.once('exit', (code) => reject(new Error(`kubectl proxy exited with code ${code}`)));
    });
    // Avoids an unhandled rejection: the first use of the proxy throws the error.
    this.#url.catch(() => {});
  }

  /** Another namespace of the same cluster. */
  of(namespace: string): ApiServer {
    return new ApiServer(namespace);
  }

  /** @throws Error with what kubectl printed */
  kubectl(...args: readonly string[]): string {
    return kubectl(['--namespace', this.namespace, ...args]);
  }

  apply(objects: readonly object[]): void {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    kubectl(
      ['--namespace', this.namespace, 'apply', '--server-side', '--force-conflicts', '-f', '-'],
      JSON.stringify(list),
    );
  }

  /** An object as kubectl prints it; undefined if there is none. */
  get<T>(kind: string, name: string): T | undefined {
    const text = this.kubectl('get', kind, name, '--ignore-not-found', '--output=json');
    return text === '' ? undefined : JSON.parse(text);
  }

  /** Reads an object by its path, and retries if the connection breaks. */
  async read<T>(path: string): Promise<T> {
    const url = await this.#url;
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await fetch(url + path, { signal: AbortSignal.timeout(10_000) });
        if (!response.ok) throw new Error(`${path}: ${response.status} ${(await response.text()).slice(0, 300)}`);
        return (await response.json()) as T;
      } catch (error) {
        if (attempt === RETRIES) throw error;
        await sleep(200);
      }
    }
  }

  /** Stops the proxy even when a signal ends this process. */
  readonly #end = (): void => {
    this.#proxy.kill();
  };

  [Symbol.dispose](): void {
    process.off('exit', this.#end);
    this.#end();
  }
}
