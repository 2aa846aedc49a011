import { generate } from 'selfsigned';

/** Certificates like those of a managed service: issued for the names of its endpoints, by a CA that no system trusts. */

export interface Authority {
  /** PEM. */
  certificate: string;
  key: string;
}

export async function makeAuthority(name: string): Promise<Authority> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    // The default is SHA-1, which servers refuse.
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { certificate: cert, key };
}

export async function certify({ certificate, key }: Authority, host: string): Promise<Authority> {
  const made = await generate([{ name: 'commonName', value: host }], {
    keyType: 'ec',
    // The default is SHA-1, which servers refuse.
    algorithm: 'sha256',
    ca: { cert: certificate, key },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: host }] },
    ],
  });
  return { certificate: made.cert, key: made.private };
}
