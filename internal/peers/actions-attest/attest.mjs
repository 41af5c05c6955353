// Signs a statement as the action actions/attest does, by the library that it consists of,
// and writes the bundle to a file. The tests of internal/matrix run it:
//
//   node attest.mjs INSTANCE SUBJECT DIGEST PREDICATE_TYPE PREDICATE_FILE BUNDLE_FILE
//
// INSTANCE says which Sigstore is asked for what: `public-good` for a certificate and a log
// entry, as in public repositories, `github` for a certificate and a timestamp, as in
// private ones. The servers are FULCIO_URL, REKOR_URL and TSA_URL.
import { readFile, writeFile } from 'node:fs/promises'
import { attest } from '@actions/attest'

const [instance, subjectName, digest, predicateType, predicateFile, bundleFile] = process.argv.slice(2)

// The library takes no servers. But it reads those of the public instance from an object at
// each call, and does what the names there say. Those of GitHub's instance it computes
// from a host name, with https.
const library = import.meta.resolve('@actions/attest')
const { SIGSTORE_PUBLIC_GOOD } = await import(new URL('endpoints.js', library).href)

const { FULCIO_URL: fulcioURL, REKOR_URL: rekorURL, TSA_URL: tsaServerURL } = process.env
const instances = {
  'public-good': { fulcioURL, rekorURL },
  github: { fulcioURL, rekorURL: undefined, tsaServerURL }
}
Object.assign(SIGSTORE_PUBLIC_GOOD, instances[instance])

const [algorithm, hex] = digest.split(':')
const { bundle } = await attest({
  subjects: [{ name: subjectName, digest: { [algorithm]: hex } }],
  predicateType,
  predicate: JSON.parse(await readFile(predicateFile, 'utf8')),
  sigstore: 'public-good',
  skipWrite: true
})
await writeFile(bundleFile, JSON.stringify(bundle))
