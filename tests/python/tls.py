"""A TLS proxy for a server on 127.0.0.1. The arguments are the certificate, the key, and the
server's port. Prints its own port, and exits when standard input is closed."""

import asyncio
import ssl
import sys
import threading


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (OSError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def main(certificate, key, port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def serve(reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, back), copy(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    threading.Thread(
        target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(server.close)), daemon=True
    ).start()
    try:
        await server.serve_forever()
    except asyncio.CancelledError:
        pass


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
