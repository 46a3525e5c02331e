# The image of a release: the static binary and the certificates of public certificate authorities. The
# release workflow lays out the files.
FROM scratch
ARG TARGETPLATFORM
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY ${TARGETPLATFORM}/s3ferry /s3ferry
# `push` writes the zip file to the temporary directory.
COPY --chmod=1777 tmp /tmp
WORKDIR /work
ENTRYPOINT ["/s3ferry"]
