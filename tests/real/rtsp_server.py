"""A camera for tests: serves a clip as RTSP, behind a user name and a password, as fast as the clip was filmed.

    /usr/bin/python3 rtsp_server.py CLIP [--port 0] [--codec h264] [--tls CERTIFICATE KEY]

A clip in a transport stream (.ts) is sent as it is; any other is encoded anew. The user is "viewer"; the password is
read from standard input. Prints the port once it listens (port 0 lets the system choose) and ends when its standard
input is closed, so that it never outlives the test. Needs Debian's GStreamer and its Python bindings, so it is run by
Debian's Python.
"""

import argparse
import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402

USERNAME = "viewer"


def launch_line(clip: str, codec: str) -> str:
    """The GStreamer pipeline behind the stream."""
    source = f'filesrc location="{clip}"'
    if Path(clip).suffix == ".ts":
        source = f"{source} ! tsdemux ! {codec}parse ! rtp{codec}pay name=pay0 pt=96"
    else:
        encoder = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10"
        source = f"{source} ! decodebin ! videoconvert ! {encoder} ! rtph264pay name=pay0 pt=96"
    return f"( {source} )"


def make_auth(password: str, certificate: list[str] | None) -> GstRtspServer.RTSPAuth:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", USERNAME)
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(USERNAME, password), token)
    if certificate:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_files(*certificate))
    return auth


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("clip")
    parser.add_argument("--port", default="0")
    parser.add_argument("--codec", choices=("h264", "h265"), default="h264")
    parser.add_argument("--tls", nargs=2)
    options = parser.parse_args()
    password = sys.stdin.readline().rstrip("\n")
    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=options.port)
    factory = GstRtspServer.RTSPMediaFactory(shared=False)
    factory.set_launch(launch_line(options.clip, options.codec))
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role(USERNAME, "media.factory.access", True)
    permissions.add_permission_for_role(USERNAME, "media.factory.construct", True)
    factory.set_permissions(permissions)
    server.set_auth(make_auth(password, options.tls))
    server.get_mount_points().add_factory("/stream", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_HUP | GLib.IO_IN, lambda *_: loop.quit())
    loop.run()


if __name__ == "__main__":
    main()
