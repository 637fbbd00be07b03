# Asks the metadata service of an instance: metadata.py URL KEY... prints "KEY VALUE" for each key that the service
# knows. Status 3: the service does not answer.
import sys
import urllib.request


def ask(path, method, **headers):
    headers = {"X-aws-ec2-metadata-token" + key: value for key, value in headers.items()}
    request = urllib.request.Request(sys.argv[1] + path, method=method, headers=headers)
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=2).read().decode()


try:
    token = ask("/latest/api/token", "PUT", **{"-ttl-seconds": "60"})
except OSError:
    sys.exit(3)
for key in sys.argv[2:]:
    try:
        print(key, ask("/latest/meta-data/" + key, "GET", **{"": token}))
    except OSError:
        pass
