FROM scratch
#
#
#
#
#
