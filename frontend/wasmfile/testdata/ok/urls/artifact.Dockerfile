FROM scratch
#
#
#
