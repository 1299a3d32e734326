// Makes the replica set and Paicha's user with the rights that docs/operations.md names; again is harmless.
const fs = require('node:fs');
const read = (name) => fs.readFileSync(`/run/secrets/${name}`, 'utf8').trim();
const root = `mongodb://root:${read('mongo_password')}@mongo1/admin?directConnection=true`;

let admin;
for (let tries = 0; ; tries++) {
  try {
    admin = connect(root);
    break;
  } catch (e) {
    if (tries === 60) throw e;
    sleep(1000);
  }
}
try {
  rs.initiate({ _id: 'rs0', members: ['mongo1', 'mongo2', 'mongo3'].map((host, i) => ({ _id: i, host: `${host}:27017` })) });
} catch (e) {
  if (e.codeName !== 'AlreadyInitialized') throw e;
}
const set = connect(`mongodb://root:${read('mongo_password')}@mongo1,mongo2,mongo3/admin?replicaSet=rs0`).getSiblingDB('paicha');
const ignore = (codes, f) => { try { f(); } catch (e) { if (!codes.includes(e.codeName)) throw e; } };
ignore(['DuplicateKey', 'Location51002'], () => set.createRole({
  role: 'paicha', roles: ['readWrite'],
  privileges: [{ resource: { db: 'paicha', collection: '' }, actions: ['collMod'] }],
}));
ignore(['DuplicateKey', 'Location51003'], () => set.createUser({ user: 'paicha', pwd: read('paicha_password'), roles: ['paicha'] }));
print('the replica set and the user are there');
