package mongo

// Encode writes a document as it goes to the server.
var Encode = encode
