// Writes the provenance that actions/attest makes in a job of the sandbox, by the library
// that it consists of, to a file. The tests of internal/matrix run it:
//
//   node provenance.mjs PREDICATE_FILE
//
// The library verifies the token of the job with the keys of GitHub's issuer, by https, which
// the sandbox has for itself alone. So the claims of the sandbox's token are signed here with
// another key, and every answer that the library asks for comes from this file.
import { writeFile } from 'node:fs/promises'
import { buildSLSAProvenancePredicate } from '@actions/attest'
import { HttpClient } from '@actions/http-client'
import * as jose from 'jose'

const { publicKey, privateKey } = await jose.generateKeyPair('RS256')
const key = { ...(await jose.exportJWK(publicKey)), kid: 'key', alg: 'RS256' }

const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = process.env
const answer = await fetch(`${url}&audience=nobody`, { headers: { Authorization: `Bearer ${bearer}` } })
const claims = jose.decodeJwt((await answer.json()).value)
const token = await new jose.SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'key' }).sign(privateKey)

HttpClient.prototype.getJson = async asked => {
  if (asked.endsWith('/.well-known/openid-configuration')) return { result: { jwks_uri: 'keys' } }
  if (asked === 'keys') return { result: { keys: [key] } }
  if (asked === `${url}&audience=nobody`) return { result: { value: token } }
  throw new Error(`asked for ${asked}`)
}

const { type, params } = await buildSLSAProvenancePredicate()
await writeFile(process.argv[2], JSON.stringify({ type, params }))
