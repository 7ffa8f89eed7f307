// An authorization server with two app clients, over TLS. What it is told stands in the environment.
import fs from "node:fs";
import https from "node:https";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { PORT, CERTIFICATE, KEY, BY_HEADER, BY_BODY, EXPIRES_IN, PACKAGES } = process.env;
const { default: Provider } = await import(
  pathToFileURL(createRequire(`${PACKAGES}/package.json`).resolve("oidc-provider"))
);

const client = (client_id, client_secret, token_endpoint_auth_method) => ({
  client_id,
  client_secret,
  token_endpoint_auth_method,
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
});
const seconds = Number(EXPIRES_IN);
const provider = new Provider(`https://localhost:${PORT}`, {
  clients: [
    client("by-header", BY_HEADER, "client_secret_basic"),
    client("by-body", BY_BODY, "client_secret_post"),
  ],
  scopes: ["files.read", "files.write"],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "urn:files",
      getResourceServerInfo: () => ({
        audience: "urn:files",
        scope: "files.read files.write",
        accessTokenFormat: "jwt",
        accessTokenTTL: seconds,
      }),
      useGrantedResource: () => true,
    },
  },
  ttl: { ClientCredentials: seconds },
});
const tls = { cert: fs.readFileSync(CERTIFICATE), key: fs.readFileSync(KEY) };
https.createServer(tls, provider.callback()).listen(Number(PORT), "127.0.0.1");
