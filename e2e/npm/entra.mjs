// @azure/identity, unchanged but for the authority, against the emulated Entra:
// an application, a person by a device code, and an application for a person.
import { ClientSecretCredential, DeviceCodeCredential, OnBehalfOfCredential } from '@azure/identity'

const { AUTHORITY, TENANT, CLIENT, SECRET, PUBLIC_CLIENT } = process.env
const common = { authorityHost: AUTHORITY, disableInstanceDiscovery: true }

// press sends the form of a page with one button or field, as a browser would.
async function press(address, page, name, value) {
  const unescape = (s) => s.replaceAll('&#43;', '+').replaceAll('&#34;', '"').replaceAll('&amp;', '&')
  const action = /<form method="post"(?: action="([^"]*)")?>/.exec(page)[1] ?? ''
  const form = new URLSearchParams({ [name]: value })
  for (const [, field, text] of page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)) form.set(unescape(field), unescape(text))
  const to = new URL(unescape(action), address)
  return (await fetch(to, { method: 'POST', body: form })).text()
}

async function signIn({ verificationUri, userCode }) {
  let page = await (await fetch(verificationUri)).text()
  page = await press(verificationUri, page, 'code', userCode)
  await press(verificationUri, page, 'login', 'two@sample.example')
}

const claims = ({ token }) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'))
const print = (name, c) => console.log(name, c.ver, c.aud, c.oid, c.appid ?? c.azp, c.scp ?? '-')

const app = new ClientSecretCredential(TENANT, CLIENT, SECRET, common)
print('application', claims(await app.getToken('https://cognitiveservices.azure.com/.default')))

const person = new DeviceCodeCredential({ ...common, tenantId: TENANT, clientId: PUBLIC_CLIENT, userPromptCallback: signIn })
print('person', claims(await person.getToken('api://ostiary-gateway/.default')))
print('again', claims(await person.getToken('https://cognitiveservices.azure.com/.default'))) // by the refresh token, unasked

const { token } = await person.getToken('api://ostiary-chat/user_impersonation')
const behalf = new OnBehalfOfCredential({ ...common, tenantId: TENANT, clientId: CLIENT, clientSecret: SECRET, userAssertionToken: token })
print('behalf', claims(await behalf.getToken('api://ostiary-gateway/user_impersonation')))
