// AsyncAPI's own parser reads what the server says of its sockets.
const { Parser } = require('@asyncapi/parser');

const main = async (address) => {
    const text = await (await fetch(`http://${address}/asyncapi.json`)).text();
    const { document, diagnostics } = await new Parser().parse(text);
    // That there is a newer version of AsyncAPI is no fault.
    const faults = diagnostics.filter((found) => found.code !== 'asyncapi-latest-version');
    for (const { code, message, path } of faults) console.log(`${code} at ${path.join('.')}: ${message}`);
    if (!document || faults.length > 0) process.exit(1);
    const count = (all) => all.all().length;
    console.log(`${count(document.allChannels())} channels, ${count(document.allOperations())} operations, ` +
        `${count(document.allMessages())} messages, and nothing to complain of`);
};

main(process.argv[2]);
